"""Bottom-up saliency models without gradient training, written from their papers' equations."""
