"""Painting a scene: backdrop, skin, eyes, hair, clothes, light."""
