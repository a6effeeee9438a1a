"""Networks, blocks and losses of the saliency papers: tensors in, tensors out."""
