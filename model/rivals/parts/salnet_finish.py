"""Post-processing of saliency maps in the programs of Pan et al. (CVPR 2016) and Bak et al."""

from torch import Tensor, where
from torch.nn.functional import conv2d, interpolate, pad


def finished(output: Tensor, size: tuple[int, int]) -> Tensor:
    """Return maps [B, 1, H, W] as the programs of Pan et al. and Bak et al. write them.

    Output of -1 to 1 becomes grey levels, is enlarged, blurred and stretched to a maximum of 255;
    the levels are then cut to whole numbers.
    """
    grey = interpolate((128 * output + 127).clamp(0, 255), size, mode="bicubic")
    # OpenCV's Gaussian of five taps whose sigma is left to it; it mirrors beyond the border.
    taps = grey.new_tensor([1, 4, 6, 4, 1]) / 16
    grey = pad(grey, (2, 2, 2, 2), mode="reflect")
    grey = conv2d(conv2d(grey, taps[None, None, None]), taps[None, None, :, None]).clamp(0, 255)
    largest = grey.amax(dim=(2, 3), keepdim=True)
    return where(largest > 0, grey / largest * 255, grey).floor()
