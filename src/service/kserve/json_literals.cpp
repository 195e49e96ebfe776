#include "service/kserve/json_literals.h"

#include <array>
#include <cstring>
#include <limits>

namespace shoal {
namespace {

struct Word {
  std::string_view text;
  double value;
};

// The longer ones first.
constexpr std::array<Word, 3> kWords{{{"Infinity", std::numeric_limits<double>::infinity()},
                                      {"Inf", std::numeric_limits<double>::infinity()},
                                      {"NaN", std::numeric_limits<double>::quiet_NaN()}}};

bool contains(std::string_view text, std::string_view what) {
  return memmem(text.data(), text.size(), what.data(), what.size()) != nullptr;
}

// Behind the text that begins at `at`, with its quote; the end where it does not end.
std::size_t behind_text(std::string_view json, std::size_t at) {
  for (++at; at < json.size(); ++at) {
    if (json[at] == '\\') {
      ++at;
    } else if (json[at] == '"') {
      return at + 1;
    }
  }
  return json.size();
}

}  // namespace

JsonLiterals::JsonLiterals(std::string_view json) : json_(json) {
  if (!contains(json, "NaN") && !contains(json, "Inf")) at_ = json.size();
}

std::optional<JsonLiteral> JsonLiterals::next() {
  while (at_ < json_.size()) {
    const char c = json_[at_];
    if (c == '"') {
      at_ = behind_text(json_, at_);
      continue;
    }
    if (c == 'N' || c == 'I') {
      for (const Word& word : kWords) {
        if (!json_.substr(at_).starts_with(word.text)) continue;
        const bool minus = at_ > 0 && json_[at_ - 1] == '-';
        const JsonLiteral found{.position = at_ - (minus ? 1U : 0U),
                                .length = word.text.size() + (minus ? 1U : 0U),
                                .value = minus ? -word.value : word.value};
        at_ += word.text.size();
        return found;
      }
    }
    ++at_;
  }
  return std::nullopt;
}

}  // namespace shoal
