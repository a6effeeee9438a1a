"""UCF-Sports: 150 videos of 10 sports, 22 to 112 frames, mostly 720 x 480.

The gaze (`gaze_ucfsa`) is that of Mathe and Sminchisescu: observers, task, rate, screen and known
defects are described in `pipeline.datasets.mathe`.
"""

from pipeline.datasets.mathe import read as read
