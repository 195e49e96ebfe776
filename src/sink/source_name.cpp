// Stems and names of output files.
#include "sink/source_name.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <iterator>

#include "core/log.h"

namespace shoal {
namespace {

constexpr std::size_t kMaxStemBytes = 200;
constexpr int kMaxWarnings = 5;

std::string_view cut_at(std::string_view text, std::string_view any_of) {
  return text.substr(0, text.find_first_of(any_of));
}

// The last part of a URL's path, or its host. Without credentials: they must not become names.
std::string_view url_name(std::string_view rest) {
  rest = cut_at(rest, "?#");
  while (!rest.empty() && rest.back() == '/') rest.remove_suffix(1);
  const auto slash = rest.rfind('/');
  if (slash != std::string_view::npos) {
    const auto name = rest.substr(slash + 1);
    return name.substr(0, name.rfind('.'));
  }
  const auto at = rest.rfind('@');
  if (at != std::string_view::npos) rest.remove_prefix(at + 1);
  return rest;
}

std::string safe_name(std::string_view text) {
  std::string name(text);
  for (char& c : name) {
    const bool keep = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '.' || c == '_' || c == '-' || static_cast<unsigned char>(c) >= 0x80;
    if (!keep) c = '-';
  }
  return name;
}

// "x_12" -> "x"; empty where the stem does not end like a frame's.
std::string_view before_frame_number(std::string_view stem) {
  const auto last = stem.find_last_not_of("0123456789");
  if (last == std::string_view::npos || last + 1 == stem.size() || stem[last] != '_') return {};
  return stem.substr(0, last);
}

std::size_t hash(std::string_view text) { return std::hash<std::string_view>{}(text); }

}  // namespace

std::string source_stem(std::string_view source) {
  std::string stem;
  if (const auto scheme = source.find("://"); scheme != std::string_view::npos) {
    stem = safe_name(url_name(source.substr(scheme + 3)));
  } else if (source.starts_with("synthetic:")) {
    stem = safe_name(cut_at(source, "?"));
  } else {
    stem = std::filesystem::path(source).stem().string();
  }
  if (stem.empty() || stem == "." || stem == "..") stem = "source";
  return stem;
}

void append_class_name(std::string& text, const std::vector<std::string>& names, int class_id) {
  const auto index = static_cast<std::size_t>(class_id);
  if (class_id >= 0 && index < names.size()) {
    text += names[index];
  } else {
    fmt::format_to(std::back_inserter(text), "class_{}", class_id);
  }
}

bool OutputNames::take(std::string_view stem, std::string_view suffix) {
  const auto prefix = before_frame_number(stem);
  if (!prefix.empty() && frame_stems_.contains(hash(prefix))) return false;
  std::string name(stem);
  name += suffix;
  if (!taken_.insert(hash(name)).second) return false;
  if (!prefix.empty()) frame_like_.insert(hash(prefix));
  return true;
}

bool OutputNames::take_frames(std::string_view stem) {
  return !frame_like_.contains(hash(stem)) && frame_stems_.insert(hash(stem)).second;
}

template <typename Take>
std::string OutputNames::first_free(std::string_view source, std::string_view stem, Take take) {
  std::size_t length = std::min(stem.size(), kMaxStemBytes);
  // Not in the middle of a UTF-8 sequence.
  while (length < stem.size() && length > 0 &&
         (static_cast<unsigned char>(stem[length]) & 0xC0U) == 0x80U) {
    --length;
  }
  const std::string base(stem.substr(0, length));
  if (take(base)) return base;
  int& number = next_try_.try_emplace(hash(base), 2).first->second;
  for (;;) {
    std::string candidate = fmt::format("{}-{}", base, number++);
    if (!take(candidate)) continue;
    if (++clashes_ <= kMaxWarnings) {
      log(LogLevel::kWarn, "sink",
          "{}: another source is called \"{}\" too; this one's output is {}{}", source, base,
          candidate, clashes_ == kMaxWarnings ? " (further ones are not reported)" : "");
    }
    return candidate;
  }
}

std::string OutputNames::claim(std::string_view source, std::string_view stem,
                               std::string_view suffix) {
  std::string name = first_free(source, stem, [&](std::string_view s) { return take(s, suffix); });
  name += suffix;
  return name;
}

std::string OutputNames::claim_frames(std::string_view source, std::string_view stem) {
  return first_free(source, stem, [&](std::string_view s) { return take_frames(s); });
}

}  // namespace shoal
