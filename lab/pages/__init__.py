"""Invented OCR pages with geometry, questions and known truths: what a text model is pre-trained on."""

from lab.pages.generate import LayoutPage, generate_pages, layout_page, link_of, picture_of

__all__ = ["LayoutPage", "generate_pages", "layout_page", "link_of", "picture_of"]
