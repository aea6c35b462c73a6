"""What runs give: plain values with their JSON forms."""
