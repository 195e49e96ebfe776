// Drawing, judged by pixels: where lines are, where labels lie, that text can be read.
#include "sink/annotate.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "sink/label_layout.h"
#include "sink/outcome_for_test.h"

namespace shoal {
namespace {

constexpr Colour kGrey = {128, 128, 128};

// Pixels with a guard around them that must stay as it is.
class Picture {
 public:
  explicit Picture(Size size, PixelFormat format = PixelFormat::kRgb8)
      : size_(size),
        format_(format),
        pitch_(size.width * 3 + 7),
        bytes_(static_cast<std::size_t>(pitch_) * static_cast<std::size_t>(size.height + 2), 128) {
  }

  Canvas canvas() { return {bytes_.data() + pitch_, size_, pitch_, format_}; }

  Colour at(int x, int y) const {
    const std::uint8_t* p = bytes_.data() + (y + 1) * pitch_ + x * 3;
    return format_ == PixelFormat::kBgr8 ? Colour{p[2], p[1], p[0]} : Colour{p[0], p[1], p[2]};
  }

  int count(Colour colour, PixelRect where) const {
    int count = 0;
    for (int y = where.top; y < where.bottom; ++y) {
      for (int x = where.left; x < where.right; ++x) count += at(x, y) == colour ? 1 : 0;
    }
    return count;
  }

  PixelRect everywhere() const { return {0, 0, size_.width, size_.height}; }

  // The smallest rectangle around all pixels that are not grey.
  PixelRect drawn() const {
    PixelRect box = {size_.width, size_.height, 0, 0};
    for (int y = 0; y < size_.height; ++y) {
      for (int x = 0; x < size_.width; ++x) {
        if (at(x, y) == kGrey) continue;
        box = {std::min(box.left, x), std::min(box.top, y), std::max(box.right, x + 1),
               std::max(box.bottom, y + 1)};
      }
    }
    return box;
  }

  bool guard_is_untouched() const {
    const auto untouched = [](std::uint8_t byte) { return byte == 128; };
    for (int y = 0; y < size_.height; ++y) {
      const auto row = bytes_.begin() + (y + 1) * pitch_;
      if (!std::all_of(row + size_.width * 3, row + pitch_, untouched)) return false;
    }
    return std::all_of(bytes_.begin(), bytes_.begin() + pitch_, untouched) &&
           std::all_of(bytes_.end() - pitch_, bytes_.end(), untouched);
  }

 private:
  Size size_;
  PixelFormat format_;
  std::ptrdiff_t pitch_;
  std::vector<std::uint8_t> bytes_;
};

Detections one(Detection detection) { return {.items = {detection}, .truncated = false}; }

TEST(Annotate, LinesLieOnTheEdgesOfTheBox) {
  Picture picture({640, 480});
  Annotator annotator({"person"});
  annotator.draw(picture.canvas(), {640, 480}, one(detection(0, 0.9F, {100, 200, 300, 400})));
  const Colour line = class_colour(0);
  ASSERT_EQ(line_width({640, 480}), 2);
  // Two pixels wide, centred on each edge.
  for (const int y : {250, 399}) {
    EXPECT_EQ(picture.at(98, y), kGrey);
    EXPECT_EQ(picture.at(99, y), line);
    EXPECT_EQ(picture.at(100, y), line);
    EXPECT_EQ(picture.at(299, y), line);
    EXPECT_EQ(picture.at(300, y), line);
    EXPECT_EQ(picture.at(301, y), kGrey);
  }
  EXPECT_EQ(picture.at(200, 399), line);
  EXPECT_EQ(picture.at(200, 400), line);
  EXPECT_EQ(picture.at(200, 401), kGrey);
  EXPECT_EQ(picture.at(200, 300), kGrey);  // the inside is left alone
  EXPECT_TRUE(picture.guard_is_untouched());
}

TEST(Annotate, TheLabelLiesAboveItsBoxAndHasReadableText) {
  Picture picture({640, 480});
  Annotator annotator({"person"});
  annotator.draw(picture.canvas(), {640, 480}, one(detection(0, 0.91F, {100, 200, 300, 400})));
  const PixelRect drawn = picture.drawn();
  const PixelRect label = {99, drawn.top, 300, 199};
  EXPECT_EQ(drawn.left, 99);
  EXPECT_GE(label.height(), 12);
  EXPECT_LE(label.height(), 24);
  const int plate = picture.count(class_colour(0), label);
  const int ink = picture.count(text_colour(class_colour(0)), label);
  EXPECT_GT(plate, 600);
  EXPECT_GT(ink, 80);  // strokes with full contrast, not only their soft edges
}

TEST(Annotate, TextInManyScriptsIsDrawnAndDiffers) {
  std::vector<std::vector<int>> inks;
  for (const char* name : {"person", "\xD0\xBA\xD0\xBE\xD1\x82",            // Cyrillic
                           "\xCE\xB3\xCE\xAC\xCF\x84\xCE\xB1",              // Greek
                           "\xD9\x82\xD8\xB7\xD8\xA9", "not \xFF UTF-8"}) {  // Arabic
    Picture picture({640, 480});
    Annotator annotator({name});
    annotator.draw(picture.canvas(), {640, 480}, one(detection(0, 0.5F, {100, 200, 300, 400})));
    std::vector<int> columns;
    for (int x = 99; x < 200; ++x) {
      columns.push_back(picture.count(text_colour(class_colour(0)), {x, 150, x + 1, 199}));
    }
    for (const auto& other : inks) EXPECT_NE(columns, other) << name;
    EXPECT_GT(*std::max_element(columns.begin(), columns.end()), 0) << name;
    inks.push_back(columns);
  }
}

TEST(Annotate, ALabelThatDoesNotFitIsMovedInsideThePicture) {
  for (const Box<SourceSpace> box : {Box<SourceSpace>{0, 0, 640, 480}, {0, 0, 4, 4},
                                     {636, 476, 640, 480}, {636, 0, 640, 4}, {0, 476, 4, 480}}) {
    Picture picture({640, 480});
    Annotator annotator({"a rather long name"});
    annotator.draw(picture.canvas(), {640, 480}, one(detection(4, 0.5F, box)));
    EXPECT_GT(picture.count(text_colour(class_colour(4)), picture.everywhere()), 80);
    EXPECT_TRUE(picture.guard_is_untouched());
  }
}

TEST(Annotate, ABoxAroundThePictureShowsAllFourLines) {
  Picture picture({640, 480});
  Annotator annotator({"x"});
  annotator.draw(picture.canvas(), {640, 480}, one(detection(0, 0.5F, {0, 0, 640, 480})));
  const Colour line = class_colour(0);
  EXPECT_EQ(picture.count(line, {0, 240, 2, 241}), 2);
  EXPECT_EQ(picture.count(line, {638, 240, 640, 241}), 2);
  EXPECT_EQ(picture.count(line, {320, 478, 321, 480}), 2);
  EXPECT_EQ(picture.count(line, {320, 0, 321, 2}), 2);
}

TEST(Annotate, EverySizeDownToOnePixelIsDrawnWithinItsBounds) {
  std::mt19937 random(1);
  for (const Size size : {Size{1, 1}, {2, 2}, {1, 100}, {100, 1}, {7, 9}, {16, 16}, {64, 64},
                          {333, 77}}) {
    for (const PixelFormat format : {PixelFormat::kRgb8, PixelFormat::kBgr8}) {
      Picture picture(size, format);
      Annotator annotator({"person"});
      Detections detections;
      std::uniform_real_distribution<float> x(0, static_cast<float>(size.width));
      std::uniform_real_distribution<float> y(0, static_cast<float>(size.height));
      for (int i = 0; i < 40; ++i) {
        const auto [x1, x2] = std::minmax({x(random), x(random)});
        const auto [y1, y2] = std::minmax({y(random), y(random)});
        detections.items.push_back(detection(i, 0.5F, {x1, y1, x2, y2}));
      }
      annotator.draw(picture.canvas(), size, detections);
      EXPECT_FALSE(picture.drawn().width() <= 0);
      EXPECT_TRUE(picture.guard_is_untouched()) << size.width << "x" << size.height;
    }
  }
}

TEST(Annotate, AThumbnailStillCarriesTheName) {
  Picture picture({64, 64});
  Annotator annotator({"traffic light"});
  annotator.draw(picture.canvas(), {64, 64}, one(detection(0, 0.91F, {10, 30, 50, 60})));
  EXPECT_GT(picture.count(text_colour(class_colour(0)), picture.everywhere()), 20);
}

TEST(Annotate, BoxesFollowPicturesThatWereDecodedSmaller) {
  Picture picture({320, 240});
  Annotator annotator({"x"});
  annotator.draw(picture.canvas(), {640, 480}, one(detection(0, 0.5F, {200, 200, 400, 400})));
  EXPECT_EQ(picture.at(100, 150), class_colour(0));
  EXPECT_EQ(picture.at(200, 150), class_colour(0));
  EXPECT_EQ(picture.at(201, 150), kGrey);
}

TEST(Annotate, BgrPicturesGetTheSameColours) {
  Picture rgb({320, 240});
  Picture bgr({320, 240}, PixelFormat::kBgr8);
  Annotator annotator({"x"});
  const Detections detections = one(detection(5, 0.5F, {100, 100, 200, 200}));
  annotator.draw(rgb.canvas(), {320, 240}, detections);
  annotator.draw(bgr.canvas(), {320, 240}, detections);
  int different = 0;
  for (int y = 0; y < 240; ++y) {
    for (int x = 0; x < 320; ++x) different += rgb.at(x, y) == bgr.at(x, y) ? 0 : 1;
  }
  EXPECT_EQ(different, 0);
}

TEST(Annotate, TheTrackIsPartOfTheLabel) {
  Picture plain({640, 480});
  Picture tracked({640, 480});
  Annotator annotator({"person"});
  Detections detections = one(detection(0, 0.91F, {100, 200, 300, 400}));
  annotator.draw(plain.canvas(), {640, 480}, detections);
  detections.items[0].track_id = TrackId{12};
  annotator.draw(tracked.canvas(), {640, 480}, detections);
  const PixelRect above = {0, 170, 640, 199};
  EXPECT_GT(tracked.count(kGrey, {0, 0, 640, 170}), 640 * 169);
  EXPECT_LT(tracked.count(kGrey, above), plain.count(kGrey, above) - 100);
}

TEST(Annotate, SizesGrowWithThePicture) {
  EXPECT_EQ(line_width({1, 1}), 1);
  EXPECT_EQ(line_width({64, 64}), 1);
  EXPECT_EQ(line_width({1920, 1080}), 4);
  EXPECT_EQ(line_width({8000, 6000}), 21);
  EXPECT_EQ(font_size({64, 64}), 8);
  EXPECT_EQ(font_size({1920, 1080}), 26);
  EXPECT_EQ(font_size({8000, 6000}), 119);
}

// WCAG 2 asks for a contrast of 4.5 for text; computed here on its own.
TEST(Annotate, TextContrastsWithEveryClassColour) {
  const auto luminance = [](Colour c) {
    const auto linear = [](double v) {
      return v / 255 <= 0.03928 ? v / 255 / 12.92 : std::pow((v / 255 + 0.055) / 1.055, 2.4);
    };
    return 0.2126 * linear(c.red) + 0.7152 * linear(c.green) + 0.0722 * linear(c.blue);
  };
  for (int id = 0; id < 80; ++id) {
    const Colour plate = class_colour(id);
    const double a = luminance(plate);
    const double b = luminance(text_colour(plate));
    EXPECT_GE((std::max(a, b) + 0.05) / (std::min(a, b) + 0.05), 4.5) << id;
  }
  for (int id = 1; id < 21; ++id) EXPECT_FALSE(class_colour(id) == class_colour(id - 1));
}

TEST(LabelLayout, LabelsAvoidEachOtherAndStayInside) {
  std::mt19937 random(7);
  std::vector<LabelRequest> requests;
  for (int i = 0; i < 25; ++i) {
    const int left = static_cast<int>(random() % 900);
    const int top = static_cast<int>(random() % 900);
    requests.push_back({{left, top, left + 80, top + 80}, {70, 14}});
  }
  const auto places = place_labels({1000, 1000}, requests);
  ASSERT_EQ(places.size(), requests.size());
  std::int64_t covered = 0;
  for (std::size_t i = 0; i < places.size(); ++i) {
    ASSERT_TRUE(places[i]);
    EXPECT_EQ(overlap_area(*places[i], {0, 0, 1000, 1000}), 70 * 14);
    const PixelRect near = {requests[i].box.left - 70, requests[i].box.top - 14,
                            requests[i].box.right + 70, requests[i].box.bottom + 14};
    EXPECT_EQ(overlap_area(*places[i], near), 70 * 14);
    for (std::size_t j = 0; j < i; ++j) covered += overlap_area(*places[i], *places[j]);
  }
  EXPECT_EQ(covered, 0);
}

TEST(LabelLayout, ALabelMovesRatherThanHideASmallNeighbour) {
  const std::vector<LabelRequest> requests = {{{100, 100, 200, 200}, {60, 12}},
                                              {{105, 86, 117, 98}, {60, 12}}};
  const auto places = place_labels({400, 400}, requests);
  EXPECT_EQ(overlap_area(*places[0], requests[1].box), 0);
}

TEST(LabelLayout, LabelsThatCannotBeReadAreLeftOut) {
  const std::vector<LabelRequest> same(40, {{10, 10, 30, 30}, {30, 10}});
  const auto places = place_labels({60, 40}, same);
  EXPECT_TRUE(places[0]);
  int kept = 0;
  for (std::size_t i = 0; i < places.size(); ++i) {
    if (!places[i]) continue;
    ++kept;
    std::int64_t hidden = 0;
    for (std::size_t j = 0; j < i; ++j) {
      if (places[j]) hidden += overlap_area(*places[i], *places[j]);
    }
    EXPECT_LE(hidden, 30 * 10 / 4);
  }
  EXPECT_GE(kept, 2);
  EXPECT_LT(kept, 12);
  EXPECT_FALSE(place_labels({20, 40}, same)[0]);  // wider than the picture
}

}  // namespace
}  // namespace shoal
