"""Generated fundus photographs with graded lesions."""
