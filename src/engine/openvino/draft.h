// What the steps of an import pass on. Private to import.cpp and the files of its steps.
#pragma once

#include <fmt/format.h>

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/family.h"
#include "engine/openvino/import.h"
#include "engine/openvino/load_check.h"
#include "engine/sidecar.h"

namespace shoal {

using Metadata = std::map<std::string, std::string>;

struct Draft {
  ImportedModel model;
  Sidecar sidecar;
  Metadata metadata;
  std::string family;                    // asked for; "" = recognise
  std::vector<std::string> class_names;  // from caller, sidecar or metadata; may be empty
  std::string names_origin;
  bool names_are_plain = false;  // metadata that is no literal: only its number shows what it is
  std::string names_trouble;     // why metadata that is there gave no names
  GraphPointer fixed;            // a static copy at the default size and the exported batch
  std::string path;              // for messages
  std::optional<ReadingLimit> reading;  // until the graph has been looked at

  [[nodiscard]] std::string metadata_value(const std::string& key) const {
    const auto found = metadata.find(key);
    return found == metadata.end() ? std::string() : found->second;
  }
  [[nodiscard]] Error refuse(ErrorCode code, std::string_view what) const {
    return {code, fmt::format("{}: {}", path, what)};
  }
};

// Class names from the caller, the sidecar or the metadata, in this order. Damaged metadata costs
// the names, not the model.
void read_names(Draft& draft, const std::vector<std::string>& from_caller);

// Fills the description's names; where they are a guess, its warnings say so.
// Errors   invalid_argument if names and classes differ in number.
[[nodiscard]] Result<void> describe_classes(Draft& draft, FamilyMatch& match);

// What the network's input takes, from the sidecar, from pre-processing inside the graph, or from
// the family's row.
// Errors   unsupported where the graph scales its input in a way that leaves open what it takes.
[[nodiscard]] Result<void> describe_input(Draft& draft, FamilyMatch& match);

// `boxes` of the decoder's layout as the family's decoder wants them, where the sidecar says that
// they are something else: centre and size, or two corners for ranked detections, in pixels.
[[nodiscard]] ov::Output<ov::Node> boxes_as_decoded(const Draft& draft, const FamilyRow& row,
                                                    const ov::Output<ov::Node>& tensor);

}  // namespace shoal
