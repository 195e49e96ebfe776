// The file formats of `detect` for cameras: JSON lines, COCO, MOT and YOLO labels.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "sink/camera_sink.h"

namespace shoal {

struct CameraJsonlOptions {
  std::string path = {};  // what is there is kept and continued; "-" is standard output
  // A file that has grown beyond it becomes FILE.1, that FILE.2, and so on; 0: never.
  std::int64_t rotate_bytes = std::int64_t{1} << 30;
  int old_files = 9;      // FILE.1 to FILE.9; older ones are removed
};

// A line for every result (append_camera_json), and for every alarm {"alarm":{...}}. Each line is
// in the file when write() returns; one that a kill has cut off is ended when the file is opened
// again. On a full disk the file ends with the last whole line, and goes on when there is room.
// Errors   as create_jsonl_sink.
[[nodiscard]] Result<std::unique_ptr<CameraSink>> create_camera_jsonl_sink(
    const CameraJsonlOptions& options);

// FOLDER/CAMERA.txt of each camera, as create_mot_sink; FOLDER/CAMERA-2.txt where a camera of that
// name was replaced by another one. Overwritten. Frames are those that the camera has decoded,
// counted from 1; frames without a result have no lines.
// Errors   as make_folder.
[[nodiscard]] Result<std::unique_ptr<CameraSink>> create_camera_mot_sink(const std::string& folder);

// One array, as create_coco_sink; image_id is "CAMERA_FRAME", frames counted from 1. Frames that
// the motion gate skipped have no entries. All cameras must number their classes in one way:
// either all are COCO's 80, or none; the first result decides, others are refused
// (kInvalidArgument).
// Errors   as create_coco_sink.
[[nodiscard]] Result<std::unique_ptr<CameraSink>> create_camera_coco_sink(const std::string& path);

// FOLDER/labels/CAMERA_FRAME.txt, as create_yolo_txt_sink, with confidence. Skipped frames as
// above.
// Errors   as create_yolo_txt_sink.
[[nodiscard]] Result<std::unique_ptr<CameraSink>> create_camera_yolo_sink(
    const std::string& folder);

}  // namespace shoal
