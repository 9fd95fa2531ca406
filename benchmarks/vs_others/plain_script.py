"""A detector in a video as most people write it: OpenCV, ONNX Runtime, one loop.

    python benchmarks/vs_others/plain_script.py MODEL.onnx IN.mp4 [OUT.mp4]

The model is the float32 form of rtloc's own on ONNX Runtime, as such scripts have it; `rtloc video`
runs its 8-bit form on OpenVINO.
"""

import sys

import cv2
import numpy as np
import onnxruntime as ort

LABELS = ["Bulbasaur", "Charmander", "Pikachu", "Squirtle"]
INPUT_WH = (512, 288)
THRESHOLD = 0.7


def main() -> None:
    """Decode, resize, infer, draw and encode, one frame after the other."""
    session = ort.InferenceSession(sys.argv[1])
    capture = cv2.VideoCapture(sys.argv[2])
    width, height = (int(capture.get(n)) for n in (3, 4))
    writer = None
    if len(sys.argv) > 3:
        fourcc = cv2.VideoWriter.fourcc(*"mp4v")
        writer = cv2.VideoWriter(sys.argv[3], fourcc, capture.get(5), (width, height))
    frames = 0
    while True:
        ok, frame = capture.read()
        if not ok:
            break
        small = cv2.resize(frame, INPUT_WH)[None]
        boxes, scores, ids = session.run(None, {"frames": small})
        scale = np.array([width / INPUT_WH[0], height / INPUT_WH[1]] * 2)
        for box, score, label in zip(boxes[0], scores[0], ids[0], strict=True):
            if score < THRESHOLD:
                continue
            x1, y1, x2, y2 = (box * scale).astype(int)
            cv2.rectangle(frame, (x1, y1), (x2, y2), (0, 255, 0), 2)
            text = f"{LABELS[label]} {score:.2f}"
            cv2.putText(frame, text, (x1, y1 - 5), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (0, 255, 0), 2)
        if writer:
            writer.write(frame)
        frames += 1
    if writer:
        writer.release()
    print(frames)


if __name__ == "__main__":
    main()
