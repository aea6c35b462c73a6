"""Make a folder that any web server can serve: a page that segments photographs with LiteRT.js, and the artifacts to do
it with.
"""
