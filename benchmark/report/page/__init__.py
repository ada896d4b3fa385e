"""The report as one page: what it holds, and the templates, style and script that show it."""
