"""The parts of `make run`: an AWS in one process, the app in front of it, and a camera without a browser."""

import os

# Both are read once, when OpenCV or numpy is first imported, so they are set here, before either is.
# A second belt behind the header checks of `rekognition.engine.images`: no picture of more pixels is decoded.
os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", str(8192 * 8192))
# A search is one product of a matrix with a vector. Two threads save a millisecond of it on an idle
# machine; on a busy one they wait for each other and take three times as long as one.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
