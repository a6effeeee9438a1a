"""Bottom-up saliency models without gradient training, as their authors' programs compute them."""
