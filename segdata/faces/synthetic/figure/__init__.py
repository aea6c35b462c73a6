"""What a drawn face consists of: outlines and looks, decided before a pixel is drawn."""
