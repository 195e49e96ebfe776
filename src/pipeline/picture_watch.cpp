#include "pipeline/picture_watch.h"

#include <algorithm>

namespace shoal {
namespace {

constexpr Duration kPatienceMost = std::chrono::minutes(2);
constexpr int kDoublingsMost = 10;

}  // namespace

void PictureWatch::connected() {
  if (joined_) {
    fruitless_ = 0;
  } else if (missing_since_) {
    ++fruitless_;
  }
  joined_ = false;
  old_ = false;
  missing_since_.reset();
}

void PictureWatch::saw(Gave gave, TimePoint now) {
  switch (gave) {
    case Gave::kUnwanted: return;
    case Gave::kPicture:
      joined_ = true;
      old_ = false;
      missing_since_.reset();
      return;
    case Gave::kOldPicture:
      joined_ = true;
      old_ = true;
      break;
    case Gave::kNothing: break;
  }
  if (!missing_since_) missing_since_ = now;
}

std::optional<PictureWatch::Overdue> PictureWatch::overdue(TimePoint now) const {
  if (!missing_since_ || now - *missing_since_ < patience_now()) return std::nullopt;
  return Overdue{now - *missing_since_, old_};
}

Duration PictureWatch::patience_now() const {
  if (old_) return std::max(patience_, 2 * age_max_);
  if (joined_ || fruitless_ == 0) return patience_;
  const Duration longer = patience_ * (std::int64_t{1} << std::min(fruitless_, kDoublingsMost));
  return std::max(patience_, std::min(longer, kPatienceMost));
}

}  // namespace shoal
