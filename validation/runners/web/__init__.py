"""LiteRT.js, the runtime of web pages.

Its packages in the cache folder, and the scripts that drive it in Node and Chromium.
"""
