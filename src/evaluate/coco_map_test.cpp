// Goal: the mAP of pycocotools to 1e-9, whatever comes in. Method: seeded cases go to
// coco_map_reference.py in one file, its scores come back in another.
#include "evaluate/coco_map.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <sstream>
#include <string>
#include <vector>

namespace shoal {
namespace {

struct Picture {
  std::vector<GroundTruth> truth;
  std::vector<Detection> found;
};

struct Case {
  std::string what;
  int classes = 1;
  std::vector<Picture> pictures;
};

std::vector<std::string> names(int count) {
  std::vector<std::string> all;
  for (int i = 0; i < count; ++i) all.push_back(fmt::format("c{}", i));
  return all;
}

Detection detection(int class_id, float x, float y, float width, float height, float confidence) {
  return {.box = {.x1 = x, .y1 = y, .x2 = x + width, .y2 = y + height},
          .confidence = confidence,
          .class_id = class_id,
          .track_id = std::nullopt};
}

struct Shape {
  int classes = 3;
  int pictures = 8;
  int truth_max = 6;
  int found_max = 30;
  bool coarse = false;  // few distinct scores and positions: ties of confidence and of IoU
};

// Detections are labelled boxes moved a little, or boxes anywhere; classes above two thirds of
// the range are never labelled.
Case random_case(std::uint32_t seed, const Shape& shape) {
  std::mt19937 random(seed);
  const auto uniform = [&](float low, float high) {
    return std::uniform_real_distribution<float>(low, high)(random);
  };
  const auto below = [&](int limit) {
    return static_cast<int>(random() % static_cast<std::uint32_t>(limit));
  };
  const float grid = shape.coarse ? 16.0F : 0.0F;
  const auto place = [&](float value) {
    return grid > 0 ? std::round(value / grid) * grid : value;
  };
  const auto score = [&] {
    return shape.coarse ? static_cast<float>(below(5)) / 4 : uniform(0, 1);
  };
  Case result{.what = fmt::format("seed {}", seed), .classes = shape.classes, .pictures = {}};
  const int labelled = std::max(1, shape.classes * 2 / 3);
  for (int p = 0; p < shape.pictures; ++p) {
    Picture picture;
    for (int i = below(shape.truth_max + 1); i > 0; --i) {
      picture.truth.push_back({.class_id = below(labelled),
                               .x = static_cast<double>(place(uniform(0, 500))),
                               .y = static_cast<double>(place(uniform(0, 400))),
                               .width = static_cast<double>(place(uniform(16, 200))),
                               .height = static_cast<double>(place(uniform(16, 150)))});
    }
    for (int i = below(shape.found_max + 1); i > 0; --i) {
      if (!picture.truth.empty() && below(3) != 0) {
        const auto& near = picture.truth[random() % picture.truth.size()];
        picture.found.push_back(detection(
            below(8) == 0 ? below(shape.classes) : near.class_id,
            place(static_cast<float>(near.x) + uniform(-9, 9)),
            place(static_cast<float>(near.y) + uniform(-9, 9)),
            std::max(16.0F, place(static_cast<float>(near.width) + uniform(-9, 9))),
            std::max(16.0F, place(static_cast<float>(near.height) + uniform(-9, 9))), score()));
      } else {
        picture.found.push_back(detection(below(shape.classes), place(uniform(0, 500)),
                                          place(uniform(0, 400)), place(uniform(16, 200)),
                                          place(uniform(16, 150)), score()));
      }
    }
    result.pictures.push_back(std::move(picture));
  }
  return result;
}

std::vector<Case> cases() {
  std::vector<Case> all;
  for (std::uint32_t seed = 0; seed < 60; ++seed) {
    all.push_back(random_case(seed, {.coarse = seed % 2 == 1}));
  }
  for (std::uint32_t seed = 100; seed < 106; ++seed) {
    // More than 100 detections of a class in a picture: the tail must not count.
    all.push_back(random_case(seed, {.classes = 1, .pictures = 4, .truth_max = 40,
                                     .found_max = 400, .coarse = seed % 2 == 1}));
  }
  for (std::uint32_t seed = 200; seed < 203; ++seed) {
    all.push_back(random_case(seed, {.classes = 12, .pictures = 30, .truth_max = 20}));
  }
  Case nothing_found = random_case(300, {});
  for (Picture& picture : nothing_found.pictures) picture.found.clear();
  Case nothing_labelled = random_case(301, {});
  for (Picture& picture : nothing_labelled.pictures) picture.truth.clear();
  Case perfect = random_case(302, {});
  for (Picture& picture : perfect.pictures) {
    picture.found.clear();
    for (const GroundTruth& box : picture.truth) {
      picture.found.push_back(detection(box.class_id, static_cast<float>(box.x),
                                        static_cast<float>(box.y), static_cast<float>(box.width),
                                        static_cast<float>(box.height), 0.5F));
    }
  }
  Case flat = random_case(303, {});  // boxes without area
  for (Picture& picture : flat.pictures) {
    for (Detection& found : picture.found) found.box.x2 = found.box.x1;
  }
  Case exact{.what = "IoU of exactly 0.5", .classes = 1, .pictures = {}};
  exact.pictures.push_back({.truth = {{.x = 0, .y = 0, .width = 100, .height = 100}},
                            .found = {detection(0, 0, 0, 50, 100, 0.9F)}});
  all.insert(all.end(), {nothing_found, nothing_labelled, perfect, flat, exact});
  return all;
}

std::string as_json(const Case& one) {
  std::string pictures;
  for (const Picture& picture : one.pictures) {
    std::string truth;
    for (const auto& box : picture.truth) {
      truth += fmt::format("{}[{},{},{},{},{}]", truth.empty() ? "" : ",", box.class_id, box.x,
                           box.y, box.width, box.height);
    }
    std::string found;
    for (const auto& item : picture.found) {
      const double x1 = static_cast<double>(item.box.x1);
      const double y1 = static_cast<double>(item.box.y1);
      found += fmt::format("{}[{},{},{},{},{},{}]", found.empty() ? "" : ",", item.class_id, x1,
                           y1, static_cast<double>(item.box.x2) - x1,
                           static_cast<double>(item.box.y2) - y1,
                           static_cast<double>(item.confidence));
    }
    pictures += fmt::format(R"({}{{"truth":[{}],"found":[{}]}})", pictures.empty() ? "" : ",",
                            truth, found);
  }
  return fmt::format(R"({{"classes":{},"images":[{}]}})", one.classes, pictures);
}

std::string environment(const char* name, const std::string& otherwise) {
  const char* value = std::getenv(name);
  return value == nullptr ? otherwise : value;
}

// One row of scores a case, as coco_map_reference.py documents them.
std::vector<std::vector<double>> pycocotools_scores(const std::vector<Case>& all) {
  const auto folder = std::filesystem::temp_directory_path() /
                      fmt::format("shoal_coco_map_{}", ::getpid());
  std::filesystem::create_directory(folder);
  {
    std::ofstream file(folder / "cases");
    for (const Case& one : all) file << as_json(one) << "\n";
  }
  const std::string root = environment("SHOAL_SOURCE_DIR", ".");
  const std::string command = fmt::format(
      "'{}' '{}/src/evaluate/coco_map_reference.py' '{}' '{}'",
      environment("PYTHON", root + "/.venv/bin/python3"), root, (folder / "cases").string(),
      (folder / "scores").string());
  EXPECT_EQ(std::system(command.c_str()), 0) << command;
  std::vector<std::vector<double>> rows;
  std::ifstream file(folder / "scores");
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    rows.emplace_back(std::istream_iterator<double>(words), std::istream_iterator<double>());
  }
  file.close();
  std::filesystem::remove_all(folder);
  return rows;
}

EvalReport evaluate(const Case& one) {
  CocoEvaluator evaluator(names(one.classes));
  for (std::size_t i = 0; i < one.pictures.size(); ++i) {
    evaluator.add(static_cast<std::int64_t>(i), one.pictures[i].truth, one.pictures[i].found);
  }
  return evaluator.finish();
}

TEST(CocoMapTest, EqualsPycocotoolsToTheNinthDecimal) {
  const std::vector<Case> all = cases();
  const auto expected = pycocotools_scores(all);
  ASSERT_EQ(expected.size(), all.size());
  int between = 0;
  for (std::size_t i = 0; i < all.size(); ++i) {
    SCOPED_TRACE(all[i].what);
    const EvalReport report = evaluate(all[i]);
    ASSERT_EQ(expected[i].size(), 2U + 2U * static_cast<std::size_t>(all[i].classes));
    EXPECT_NEAR(report.map50_95, std::max(expected[i][0], 0.0), 1e-9);
    EXPECT_NEAR(report.map50, std::max(expected[i][1], 0.0), 1e-9);
    if (report.map50_95 > 0.01 && report.map50_95 < 0.99) ++between;
    std::size_t entry = 0;
    for (int c = 0; c < all[i].classes; ++c) {
      const double map50_95 = expected[i][2 + 2 * static_cast<std::size_t>(c)];
      if (map50_95 < 0) continue;  // not labelled: not reported
      ASSERT_LT(entry, report.classes.size());
      EXPECT_EQ(report.classes[entry].name, fmt::format("c{}", c));
      EXPECT_NEAR(report.classes[entry].map50_95, map50_95, 1e-9);
      EXPECT_NEAR(report.classes[entry].map50, expected[i][3 + 2 * static_cast<std::size_t>(c)],
                  1e-9);
      ++entry;
    }
    EXPECT_EQ(entry, report.classes.size());
  }
  EXPECT_GT(between, 60) << "the cases hardly test anything";
}

TEST(CocoMapTest, OrderOfThePicturesDoesNotMatter) {
  const Case one = random_case(7, {.coarse = true});
  CocoEvaluator backwards(names(one.classes));
  for (std::size_t i = one.pictures.size(); i-- > 0;) {
    backwards.add(static_cast<std::int64_t>(i), one.pictures[i].truth, one.pictures[i].found);
  }
  EXPECT_EQ(to_json(backwards.finish()), to_json(evaluate(one)));
}

TEST(CocoMapTest, CountsPicturesAndInstancesAndLeavesOutUnlabelledClasses) {
  CocoEvaluator evaluator({"person", "b\"us", "cat"});
  const std::vector<GroundTruth> truth = {{.class_id = 1, .width = 10, .height = 10},
                                          {.class_id = 1, .x = 50, .width = 10, .height = 10}};
  const std::vector<Detection> found = {detection(1, 0, 0, 10, 10, 0.9F),
                                        detection(2, 0, 0, 10, 10, 0.9F),
                                        detection(77, 0, 0, 10, 10, 0.9F)};
  evaluator.add(0, truth, found);
  evaluator.add(1, {}, {});
  // One of two found without a false alarm: precision 1 at the recalls 0.00 .. 0.50, 51 of 101.
  EXPECT_EQ(to_json(evaluator.finish()),
            R"({"map50_95":0.50495,"map50":0.50495,"images":2,"left_out":0,"multi_label":false,)"
            R"("classes":[{"name":"b\"us","map50_95":0.50495,"instances":2}]})");
}

TEST(CocoMapTest, ScoresAHundredPicturesOfThreeHundredBoxesInUnderASecond) {
  const Case one = random_case(11, {.classes = 80, .pictures = 128, .truth_max = 14,
                                    .found_max = 600});
  const auto start = std::chrono::steady_clock::now();
  const EvalReport report = evaluate(one);
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
  EXPECT_EQ(report.images, 128);
  EXPECT_LT(taken.count(), 1.0);
  RecordProperty("milliseconds", static_cast<int>(taken.count() * 1e3));
}

}  // namespace
}  // namespace shoal
