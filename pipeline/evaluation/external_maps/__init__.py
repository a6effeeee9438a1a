"""Anybody's saliency maps, found by clip and frame; findings list what is missing or odd.

A set of maps is a folder, a zip of one, a Zarr store, a SALIENCY or DENSITY store of ours, or one
file. In a folder lie, below any folders that wrap them all,

    <clip>/0001.png            a picture or .npy [y, x] a frame; also <clip>/<any folder>/0001.png
    <clip>_0001.png            the same without folders
    <clip>.png                 for an image dataset, whose clips have one frame
    <clip>.mp4, <clip>.avi     a grey film (not inside a zip); also <clip>_out.avi
    <clip>.npy                 [time, y, x]

where a Zarr array may stand for a .npy, and a Zarr group is a folder. Pictures are PNG, JPEG, BMP
or TIFF.

Clips: a name is a clip's if it is equal; else if it is with accents encoded alike, else without
leading zeros, else in small letters, else without the suffix of a video, else with - and _ alike,
else without a word that says what it holds (0601_saliency). The closest kind of fit counts. Two
things that fit a clip equally well are both left out, for nobody knows which is meant; but a
dataset's own folders (images, maps, fixation, ...) are passed over for others beside them, and
coloured pictures for grey ones.

Frames: the number is the last digits in a file's name, and counts the frames of the whole video
from 1. If the numbers of a clip are exactly those expected less one, it is read as counted from 0;
if they are 1 to the clip's length, and the clip begins later in its video, as counted from the
clip's first frame. Each is a finding; so is any other shift, which is not undone. Films and arrays
have no numbers: their n-th map is the clip's n-th frame; or the n-th wanted one, if there are as
many maps as wanted frames; or, of a clip that begins later, frame n of the whole video, if they
reach to the clip's end.

Maps may be made to harm. Whatever a header announces is compared with limits before memory is
taken, only regular files are opened, no link leads to a folder, nothing is unpacked to the disk or
executed, and what is not opened is a finding.

Values are float32, never scaled: 16 bits stay 16 bits. Maps of any size are read; the protocol
resizes them. Whatever needs no decoding is found at once, what a map holds when it is read, the
length of a film or array when its frames are first asked for.
"""
