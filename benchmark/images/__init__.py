"""Any photograph as the square of its retinal disc."""
