"""Server-rendered pages for people. Empty until the pages are built."""
