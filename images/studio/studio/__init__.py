"""The studio: a small WebUI for the first pictures of one's life, on diffusers and gradio.

`page` is what people see, `painter` paints, `models` finds what to paint with, `pictures` keeps
what came out, `translating` turns Chinese words into those that a model knows, `words` holds the
page's own. Nothing is fetched from anywhere.
"""
