"""Models of bottom-up saliency that nothing trains, written from their papers' equations."""
