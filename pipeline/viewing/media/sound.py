"""The sound of a film, copied between two times; only what a container cannot hold is encoded."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from pipeline.raw.ffmpeg import CONTAINERS
from pipeline.viewing.media.film import Film

_HOLDS = {
    "mp4": {"aac", "mp3", "ac3", "eac3", "alac", "opus", "flac"},
    "mov": {"aac", "mp3", "ac3", "eac3", "alac", "pcm_s16le", "pcm_s16be", "pcm_s24le"},
}
"""Codecs of sound that players expect in a container; Matroska takes any."""
_AAC_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
_AAC_BITS = 96_000
"""Bits per second and channel."""


def opened(path: Path) -> Any:
    """Return a file that holds a film itself, no playlist, opened by PyAV."""
    allowed = {"protocol_whitelist": "file", "format_whitelist": ",".join(CONTAINERS)}
    return av.open(f"file:{path}", container_options=allowed, metadata_errors="replace")


def sound_of(source: Any, film: Film, target: Any, form: str) -> Iterator[tuple[float, Any]]:
    """Yield seconds and packet of the sound between a film's start and end.

    It is copied, or becomes AAC where the container does not hold what it is. The stream is added
    to the target at once, before its header is written.

    Args:
        source: The film's file, from `opened`.
        film: Of it.
        target: Where the sound is put.
        form: FFmpeg's name of that container.
    """
    heard = source.streams.best("audio")
    origin = Fraction(source.start_time or 0, av.time_base) + film.begins
    timing = film.timing
    length = (int(timing.stamps[-1] - timing.stamps[0]) + timing.last) * timing.tick
    if form not in _HOLDS or heard.codec_context.codec.canonical_name in _HOLDS[form]:
        stream = target.add_stream_from_template(heard)
        # Only where a film begins, MP4 can say that a part of the first packet is not heard.
        earliest = -1 if form != "matroska" and not film.before else 0
        return _copied(source, heard, stream, origin, length, earliest)
    return _encoded(source, heard, target, origin, length)


def _copied(
    source: Any, heard: Any, stream: Any, origin: Fraction, length: Fraction, earliest: int
) -> Iterator[tuple[float, Any]]:
    for packet in _packets(source, heard):
        stamp = packet.pts if packet.pts is not None else packet.dts
        if stamp is None:
            continue
        at = stamp * packet.time_base - origin
        if at >= length:
            return
        if at >= earliest:
            packet.pts = packet.dts = round(at / packet.time_base)
            packet.stream = stream
            yield float(at), packet


def _packets(source: Any, heard: Any) -> Iterator[Any]:
    """Packets of a stream, as far as the file can be read."""
    packets = source.demux(heard)
    while True:
        try:
            yield next(packets)
        except (StopIteration, av.error.FFmpegError):
            return


def _encoded(
    source: Any, heard: Any, target: Any, origin: Fraction, length: Fraction
) -> Iterator[tuple[float, Any]]:
    """Sound as AAC, cut to the sample."""
    rate = heard.codec_context.sample_rate
    rate = rate if rate in _AAC_RATES else _AAC_RATES[-1]
    channels = heard.codec_context.channels
    # PCM may not say which channels it has.
    layout = {1: "mono", 2: "stereo"}.get(channels, heard.codec_context.layout.name)
    stream = target.add_stream("aac", rate=rate, layout=layout)
    stream.bit_rate = _AAC_BITS * channels
    graph = av.filter.Graph()
    begin, stop = float(origin), float(origin + length)
    graph.link_nodes(
        graph.add_abuffer(template=heard),
        graph.add("atrim", f"start={begin:.9f}:end={stop:.9f}"),
        graph.add("asetpts", f"PTS-{begin:.9f}/TB"),
        graph.add("aresample", str(rate)),
        graph.add("abuffersink"),
    ).configure()
    return _through(source, heard, graph, stream)


def _through(source: Any, heard: Any, graph: Any, stream: Any) -> Iterator[tuple[float, Any]]:
    """Seconds and packet of what comes out of a graph of filters and an encoder."""
    for packet in _packets(source, heard):
        frames: list[Any] = []
        with suppress(av.error.InvalidDataError):  # a packet that is damaged is not heard
            frames = packet.decode()
        try:
            for frame in frames:
                graph.push(frame)
        except EOFError:  # what is behind the end is not wanted
            break
        yield from _timed(stream, _pulled(graph))
    with suppress(EOFError):
        graph.push(None)
    yield from _timed(stream, [*_pulled(graph), None])


def _pulled(graph: Any) -> Iterator[Any]:
    with suppress(BlockingIOError, EOFError):
        while True:
            yield graph.pull()


def _timed(stream: Any, frames: Iterable[Any]) -> Iterator[tuple[float, Any]]:
    for frame in frames:
        for packet in stream.encode(frame):
            yield float(packet.pts * packet.time_base), packet
