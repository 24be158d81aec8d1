"""Format, made real: COCO, YOLO, plain folders."""
