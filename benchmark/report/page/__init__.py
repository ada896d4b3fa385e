"""The report as one page: its data, templates, style and script."""
