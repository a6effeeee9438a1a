"""Each metric of a frame by the conventions of its protocol, under the names of the registry."""

import numpy as np

from pipeline.evaluation.metrics import auc, distributions, hundredths
from pipeline.evaluation.metrics.preparing import PreparedFrame
from pipeline.evaluation.metrics.scaling import EPSILON, Map, Points, without_offset
from pipeline.evaluation.protocols import UNDEFINED


def auc_judd(frame: PreparedFrame) -> float:
    """AUC-J: the area under the ROC curve, by the protocol's function of `metrics.auc`."""
    kind = frame.rules.auc
    if kind == "distinct":
        # UNISAL rounds its rates to four decimals.
        return auc.auc_distinct(frame.saliency, frame.fixated, decimals=4)
    if kind == "repeated":
        return auc.auc_repeated(frame.saliency, frame.points)
    if kind == "mann_whitney":
        return auc.auc(frame.saliency[frame.points], frame.saliency)
    jitter = frame.rng if frame.rules.draws and frame.rng is not None else True
    saliency = frame.saliency.astype(np.float32) if kind == "jitter_float32" else frame.saliency
    return auc.auc_judd(saliency, frame.fixated, jitter=jitter)


def auc_shuffled(frame: PreparedFrame) -> float:
    """sAUC: the area against positions fixated in other frames."""
    assert frame.reference is not None
    if frame.rules.sauc == "hundredths":
        return hundredths.area(frame.saliency, frame.points, frame.reference)
    if frame.rules.sauc == "mann_whitney":
        negatives = frame.saliency.ravel()[frame.reference]
        return auc.auc(frame.saliency[frame.points], negatives)
    top = frame.rules.sauc == "stepped"
    return auc.auc_shuffled(frame.saliency, frame.fixated, frame.reference, frame.rng, top=top)


def auc_hundredths(frame: PreparedFrame) -> float:
    """AUC: the area against random pixels by SALICON's program, thresholds in hundredths.

    Its 100,000 random pixels are drawn without a seed: this is the expectation over the draws.
    """
    return hundredths.area(frame.saliency, frame.points)


def auc_borji(frame: PreparedFrame) -> float:
    """AUC-Borji: the area against random pixels.

    Where the frame has a generator, these are 100 draws of as many pixels as there are fixations;
    otherwise the value is the expectation over all draws.
    """
    # A generator of its own leaves the draws of what follows as they are without this metric.
    own = None if frame.rng is None else frame.rng.spawn(1)[0]
    return auc.auc_borji(frame.saliency, frame.fixated, own)


def cc(frame: PreparedFrame) -> float:
    """CC: Pearson's correlation of prediction and density (Eq. 7)."""
    return distributions.cc(frame.saliency, frame.density, epsilon=frame.rules.epsilon)


def nss(frame: PreparedFrame) -> float:
    """NSS: the mean standardised prediction at the fixated pixels (Eq. 5)."""
    rules = frame.rules
    return distributions.nss(frame.saliency, frame.points, ddof=rules.ddof, epsilon=rules.epsilon)


def sim(frame: PreparedFrame) -> float:
    """SIM: the sum of the smaller of prediction and density, pixel by pixel (Eq. 8)."""
    p, s = _distributions(frame)
    return distributions.sim(p, s, min_max=frame.rules.min_max, epsilon=frame.rules.epsilon)


def kldiv(frame: PreparedFrame) -> float:
    """KLDiv: the Kullback-Leibler divergence of the density from the prediction, in nats."""
    p, s = _distributions(frame)
    rules = frame.rules
    return distributions.kldiv(p, s, epsilon=rules.kldiv_epsilon, floor=rules.kldiv_floor)


def chi_square(frame: PreparedFrame) -> float:
    """The predecessor paper's chi-square distance of prediction and density, 0 to 1."""
    if "negative_prediction" in frame.cases:
        return UNDEFINED
    return distributions.chi_square(frame.saliency, frame.density)


def info_gain(frame: PreparedFrame) -> float:
    """IG: bits per fixation by which the prediction beats the centre bias.

    The baseline is the Gaussian of `distributions.centre_bias` on the density's grid.
    """
    baseline = distributions.centre_bias(frame.density.shape)
    return distributions.info_gain(frame.saliency, frame.fixated, baseline)


def info_gain_left_out(frame: PreparedFrame) -> float:
    """IG-LOO: bits per look by which the prediction beats the other observers' looks.

    It is below 0 by what people have in common and the prediction does not know. A prediction is
    made a distribution as for IG.
    """
    assert frame.gold is not None
    return _bits(frame.saliency, frame.looks) - float(frame.gold.mean())


def info_gain_people(frame: PreparedFrame) -> float:
    """IG-people: bits per look by which the other observers' looks beat the centre bias."""
    assert frame.gold is not None
    baseline = distributions.centre_bias(frame.density.shape)
    return float(frame.gold.mean()) - _bits(baseline, frame.looks)


def explained(frame: PreparedFrame) -> float:
    """EI: information gain in percent of what the other observers' looks have, of one frame."""
    possible = info_gain_people(frame)
    return 100 * (possible + info_gain_left_out(frame)) / possible


def _bits(field: Map, looks: Points) -> float:
    """Mean binary logarithm of a map at looks, in the convention of `distributions.info_gain`."""
    return float(np.log2(EPSILON + without_offset(field)[looks]).mean())


def emd(frame: PreparedFrame) -> float:
    """EMD: the earth mover's distance in pixels of maps shrunk 32 times."""
    return distributions.emd(frame.saliency, frame.density)


def _distributions(frame: PreparedFrame) -> tuple[Map, Map]:
    """Prediction and density, made fit to be distributions where the protocol does so."""
    if not frame.rules.proper:
        return frame.saliency, frame.density
    return _proper(frame.saliency), _proper(frame.density)


def _proper(field: Map) -> Map:
    """`field` lifted to 0 where it is negative; uniform where it is empty."""
    lifted: Map = field - field.min() if field.min() < 0 else field
    return lifted if lifted.any() else lifted + 1
