"""The same video through supervision's loop, with rtloc's own localizer as the detector.

    SUPERVISION_VENV/bin/python benchmarks/vs_others/supervision_loop.py IN.mp4 [OUT.mp4]

As supervision's documentation has it: frames from its generator, its annotators, its video sink.
"""

import sys

import supervision as sv

from rtloc import Localizer


def main() -> None:
    """Locate, annotate and write, one frame after the other."""
    localizer = Localizer()
    boxes, labels = sv.BoxAnnotator(), sv.LabelAnnotator()
    count = 0

    def annotated(frame):
        found = localizer.locate(frame)
        detections = sv.Detections(
            xyxy=found.boxes, confidence=found.scores, class_id=found.class_ids
        )
        pairs = zip(found.class_ids, found.scores, strict=True)
        texts = [f"{localizer.info.labels[c]} {s:.2f}" for c, s in pairs]
        return labels.annotate(boxes.annotate(frame, detections), detections, texts)

    frames = sv.get_video_frames_generator(sys.argv[1])
    if len(sys.argv) > 2:
        with sv.VideoSink(sys.argv[2], sv.VideoInfo.from_video_path(sys.argv[1])) as sink:
            for frame in frames:
                sink.write_frame(annotated(frame))
                count += 1
    else:
        for frame in frames:
            annotated(frame)
            count += 1
    print(count)


if __name__ == "__main__":
    main()
