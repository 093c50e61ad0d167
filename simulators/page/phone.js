// The phones of the page.
