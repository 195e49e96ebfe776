// Goal: a data.yaml is read as Ultralytics reads it, and whatever is wrong with one is said in
// words that name the file, the line and both numbers. Method: small folders written by the test.
#include "evaluate/dataset.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "evaluate/label_file.h"

namespace shoal {
namespace {

namespace fs = std::filesystem;

class DatasetTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
    root_ = fs::temp_directory_path() / fmt::format("shoal_{}_{}", test->name(), ::getpid());
    fs::remove_all(root_);
    write("data/images/val/b.jpg", "");
    write("data/images/val/a.PNG", "");
    write("data/images/val/notes.txt", "not a picture");
    write("data/images/val/deeper/c.jpeg", "");
    write("data/labels/val/a.txt", "0 0.5 0.5 0.25 0.5\r\n\r\n1 0.1 0.2 0.1 0.1\n");
    write("data/labels/val/deeper/c.txt", "1 0.25 0.25 0.5 0.5");
    yaml("names: [cat, dog]\nval: images/val\n");
  }
  void TearDown() override { fs::remove_all(root_); }

  void write(const std::string& name, const std::string& text) const {
    fs::create_directories((root_ / name).parent_path());
    std::ofstream(root_ / name) << text;
  }
  void yaml(const std::string& text) const { write("data/data.yaml", text); }
  [[nodiscard]] std::string at(const std::string& name) const { return (root_ / name).string(); }
  [[nodiscard]] Result<Dataset> load(std::string_view split = "val") const {
    return load_dataset(at("data/data.yaml"), split);
  }
  // The message of an expected error, with the test's folder cut out.
  [[nodiscard]] std::string error(ErrorCode code, std::string_view split = "val") const {
    const auto result = load(split);
    if (result) return "no error";
    EXPECT_EQ(result.error().code, code) << result.error().message;
    std::string message = result.error().message;
    const std::string folder = root_.string() + "/";
    for (auto i = message.find(folder); i != std::string::npos; i = message.find(folder)) {
      message.erase(i, folder.size());
    }
    return message;
  }

  fs::path root_;
};

TEST_F(DatasetTest, ReadsPicturesLabelsAndNames) {
  const auto dataset = load();
  ASSERT_TRUE(dataset) << dataset.error().message;
  EXPECT_EQ(dataset->class_names, (std::vector<std::string>{"cat", "dog"}));
  ASSERT_EQ(dataset->items.size(), 3U);
  EXPECT_EQ(dataset->items[0].picture, at("data/images/val/a.PNG"));
  EXPECT_EQ(dataset->items[1].picture, at("data/images/val/b.jpg"));
  EXPECT_EQ(dataset->items[2].label_file, at("data/labels/val/deeper/c.txt"));
  ASSERT_EQ(dataset->items[0].labels.size(), 2U);
  EXPECT_EQ(dataset->items[0].labels[1].class_id, 1);
  EXPECT_EQ(dataset->items[0].labels[1].y_centre, 0.2);
  EXPECT_TRUE(dataset->items[1].labels.empty());
  EXPECT_EQ(dataset->instance_count, 3);
  EXPECT_EQ(dataset->background_count, 1);
}

TEST_F(DatasetTest, NamesMayBeAMapInAnyOrder) {
  yaml("names:\n  1: dog\n  0: cat\nnc: 2\nval: images/val\n");
  const auto dataset = load();
  ASSERT_TRUE(dataset) << dataset.error().message;
  EXPECT_EQ(dataset->class_names, (std::vector<std::string>{"cat", "dog"}));
}

TEST_F(DatasetTest, NcAloneNumbersTheClasses) {
  yaml("nc: 2\nval: images/val\n");
  const auto dataset = load();
  ASSERT_TRUE(dataset) << dataset.error().message;
  EXPECT_EQ(dataset->class_names, (std::vector<std::string>{"class 0", "class 1"}));
}

TEST_F(DatasetTest, PathIsRelativeToTheYaml) {
  write("elsewhere/data.yaml", "path: ../data\nnames: [cat, dog]\nval: [images/val, list.txt]\n");
  write("data/list.txt", "./images/val/b.jpg\nimages/val/a.PNG\n" + at("data/images/val/b.jpg"));
  const auto dataset = load_dataset(at("elsewhere/data.yaml"), "val");
  ASSERT_TRUE(dataset) << dataset.error().message;
  ASSERT_EQ(dataset->items.size(), 6U);
  EXPECT_TRUE(fs::equivalent(dataset->items[3].picture, at("data/images/val/b.jpg")));
  EXPECT_TRUE(fs::equivalent(dataset->items[4].picture, at("data/images/val/a.PNG")));
  EXPECT_EQ(dataset->items[4].labels.size(), 2U);
}

TEST_F(DatasetTest, DotsOfExportedDatasetsAreForgiven) {
  yaml("names: [cat, dog]\nval: ../images/val\n");
  EXPECT_EQ(load()->items.size(), 3U);
}

TEST_F(DatasetTest, ValidationIsAnotherNameOfVal) {
  yaml("names: [cat, dog]\nvalidation: images/val\n");
  EXPECT_EQ(load()->items.size(), 3U);
}

TEST_F(DatasetTest, SaysWhatIsWrongWithTheYaml) {
  const auto wrong = [&](const std::string& text) {
    yaml(text);
    return error(ErrorCode::kInvalidArgument);
  };
  EXPECT_EQ(wrong("val: images/val\n"),
            "data/data.yaml: no 'names' (a list or a map of class names)");
  EXPECT_EQ(wrong("names: [cat, dog]\nnc: 3\nval: images/val\n"),
            "data/data.yaml: nc is 3, but names has 2 entries");
  EXPECT_EQ(wrong("names: {0: cat, 2: dog}\nval: images/val\n"),
            "data/data.yaml: names: expected classes 0 to 1, class 1 is missing");
  EXPECT_EQ(wrong("names: {0: cat, dog: 1}\nval: images/val\n"),
            "data/data.yaml: names: expected `number: name`, got key 'dog'");
  EXPECT_EQ(wrong("names: {0: cat, 0: dog}\nval: images/val\n"),
            "data/data.yaml: names: class 0 stands twice");
  EXPECT_EQ(wrong("names: cat\nval: images/val\n"),
            "data/data.yaml: names: expected a list or a map of class names, got 'cat'");
  EXPECT_EQ(wrong("names: []\nval: images/val\n"), "data/data.yaml: names: the list is empty");
  EXPECT_EQ(wrong("nc: two\nval: images/val\n"),
            "data/data.yaml: nc: expected a number from 1 to 100000, got 'two'");
  EXPECT_EQ(wrong("names: [cat\nval: images/val\n").substr(0, 26), "data/data.yaml:2: not YAML");
  EXPECT_EQ(wrong("").substr(0, 28), "data/data.yaml: expected key");
  EXPECT_EQ(wrong("names: [cat]\nval: {a: b}\n"),
            "data/data.yaml: val: expected a folder, a list.txt or a list of those");
}

TEST_F(DatasetTest, SaysWhatIsMissing) {
  EXPECT_EQ(error(ErrorCode::kNotFound, "vall"),
            "data/data.yaml: no split 'vall'; it has names, val; did you mean 'val'?");
  yaml("names: [cat]\nval: images/other\n");
  EXPECT_EQ(error(ErrorCode::kNotFound),
            "data/data.yaml: val: 'data/images/other' is neither a folder nor a file");
  yaml("path: nowhere\nnames: [cat]\nval: images/val\n");
  EXPECT_EQ(error(ErrorCode::kNotFound),
            "data/data.yaml: path: 'nowhere' does not exist (relative to the yaml's folder that is "
            "data/nowhere)");
  fs::create_directories(root_ / "data/images/empty");
  yaml("names: [cat]\nval: images/empty\n");
  EXPECT_EQ(error(ErrorCode::kNotFound),
            "data/data.yaml: val: no pictures in 'data/images/empty'");
  fs::remove(root_ / "data/data.yaml");
  EXPECT_EQ(error(ErrorCode::kNotFound), "data/data.yaml: no such file");
}

TEST_F(DatasetTest, ASplitWithoutAnyBoxIsAnError) {
  fs::remove_all(root_ / "data/labels");
  EXPECT_EQ(error(ErrorCode::kInvalidArgument),
            "data/data.yaml: val: none of 3 pictures has a labelled box; for "
            "data/images/val/a.PNG a label was looked for at data/labels/val/a.txt");
}

TEST_F(DatasetTest, ABadLabelLineCostsItsPictureAndIsNamed) {
  const auto wrong = [&](const std::string& text) {
    write("data/labels/val/a.txt", "0 0.5 0.5 0.25 0.5\n" + text);
    const auto dataset = load();
    if (!dataset) return dataset.error().message;
    EXPECT_EQ(dataset->items.size(), 2U);
    EXPECT_EQ(dataset->left_out_count, 1);
    std::string why = dataset->left_out.at(0);
    for (auto i = why.find(at("")); i != std::string::npos; i = why.find(at(""))) {
      why.erase(i, at("").size());
    }
    return why;
  };
  const std::string at_line = "data/labels/val/a.txt:2: ";
  EXPECT_EQ(wrong("2 0.5 0.5 0.1 0.1"),
            at_line + "class 2, but data/data.yaml names 2 classes (0 to 1)");
  EXPECT_EQ(wrong("-1 0.5 0.5 0.1 0.1"), at_line + "expected a class number first, got -1");
  EXPECT_EQ(wrong("0.5 0.5 0.5 0.1 0.1"), at_line + "expected a class number first, got 0.5");
  EXPECT_EQ(wrong("0 0.5 0.5 0.1"),
            at_line + "4 numbers; expected 5 (class xc yc w h), or a class and a polygon of at "
                      "least 3 points");
  EXPECT_EQ(wrong("0 0.5 0.5 0.1 0.1 0.9").substr(25, 9), "6 numbers");
  EXPECT_EQ(wrong("0 0.1 0.1 0.1 0.1 0.1 0.1 0.1").substr(25, 9), "8 numbers");
  EXPECT_EQ(wrong("0 0.5 0.5 x 0.1"), at_line + "'x' is not a number");
  EXPECT_EQ(wrong(std::string("0 \x00\x1b[2J 0.5 0.1", 17)), at_line + "'??[2J' is not a number");
  EXPECT_EQ(wrong("0 0.5 nan 0.1 0.1"), at_line + "'nan' is not a number");
  EXPECT_EQ(wrong("0 320 200 10 10"),
            at_line + "320 is outside 0 to 1; coordinates are shares of the picture, not pixels");
}

TEST_F(DatasetTest, WhereNoPictureCanBeUsedThereIsNoResult) {
  for (const char* name : {"a", "b", "deeper/c"}) {
    write(fmt::format("data/labels/val/{}.txt", name), "7 0.5 0.5 0.1 0.1");
  }
  EXPECT_EQ(error(ErrorCode::kCorruptInput),
            "data/data.yaml: val: none of 3 pictures can be used: data/labels/val/a.txt:1: class "
            "7, but data/data.yaml names 2 classes (0 to 1)");
}

TEST_F(DatasetTest, ALabelThatIsAFolderCostsItsPicture) {
  fs::create_directories(root_ / "data/labels/val/b.txt");
  ASSERT_TRUE(load());
  EXPECT_EQ(load()->left_out_count, 1);
}

TEST_F(DatasetTest, HiddenFilesArePassedOver) {
  write("data/images/val/._a.PNG", "Mac");
  write("data/images/val/.hidden/d.png", "");
  write("data/labels/val/._a.txt", "Mac");
  EXPECT_EQ(load()->items.size(), 3U);
}

TEST_F(DatasetTest, LinksInCirclesGiveEachPictureOnce) {
  fs::create_directory_symlink("..", root_ / "data/images/val/up");
  fs::create_directory_symlink("/nowhere", root_ / "data/images/val/gone");
  yaml("names: [cat, dog]\nval: [images, images/val]\n");
  const auto dataset = load();
  ASSERT_TRUE(dataset) << dataset.error().message;
  ASSERT_EQ(dataset->items.size(), 3U);
  EXPECT_EQ(dataset->items[0].picture, at("data/images/val/a.PNG"));
  EXPECT_EQ(dataset->instance_count, 3);
}

TEST_F(DatasetTest, ListsAreRelativeToWhereThePicturesAre) {
  const auto with_list = [&](const std::string& name, const std::string& text) {
    write(name, text);
    yaml("names: [cat, dog]\nval: " + name.substr(5) + "\n");
    return load();
  };
  // From the data set's root, with a byte order mark, CRLF and a comment.
  const auto of_root = with_list("data/lists/val.txt",
                                 "\xEF\xBB\xBFimages/val/a.PNG\r\n# b\r\n./images/val/b.jpg");
  ASSERT_TRUE(of_root) << of_root.error().message;
  ASSERT_EQ(of_root->items.size(), 2U);
  EXPECT_EQ(of_root->instance_count, 2);
  const auto beside = with_list("data/images/val/val.txt", "a.PNG\n./deeper/c.jpeg\n");
  ASSERT_TRUE(beside) << beside.error().message;
  EXPECT_EQ(beside->instance_count, 3);
  const auto partly = with_list("data/val.txt", "images/val/a.PNG\nimages/val/z.png\n");
  ASSERT_TRUE(partly) << partly.error().message;
  EXPECT_EQ(partly->left_out_count, 1);
  EXPECT_EQ(partly->left_out.at(0), at("data/val.txt") + ":2: images/val/z.png: no such picture");
  (void)with_list("data/val.txt", "pics/a.png\nfilm.mp4\n");
  EXPECT_EQ(error(ErrorCode::kNotFound),
            "data/data.yaml: val: none of 2 pictures can be used: data/val.txt:1: pics/a.png: no "
            "such picture");
}

TEST_F(DatasetTest, KeyPointsArePassedOver) {
  write("data/labels/val/a.txt", "0 .5 .5 .2 .2 .1 .1 2 .2 1.7 0 0 0 0\n1 .5 .5 .1 .1");
  write("data/labels/val/deeper/c.txt", "1 .5 .5 .2 .2 .1 .1");
  yaml("names: [cat, dog]\nval: images/val\nkpt_shape: [3, 3]\n");
  const auto dataset = load();
  ASSERT_TRUE(dataset) << dataset.error().message;
  EXPECT_EQ(dataset->instance_count, 2);
  EXPECT_EQ(dataset->items[0].labels.at(0).width, .2);
  EXPECT_TRUE(dataset->left_out.at(0).ends_with(
      "c.txt:1: 7 numbers; expected 5 (class xc yc w h) or, by kpt_shape, 14"));
  yaml("names: [cat, dog]\nval: images/val\nkpt_shape: 17\n");
  EXPECT_EQ(error(ErrorCode::kInvalidArgument),
            "data/data.yaml: kpt_shape: expected [points, 2 or 3], such as [17, 3]");
}

TEST_F(DatasetTest, ClassCountsOfModelAndDataMustAgree) {
  const auto dataset = load();
  EXPECT_TRUE(check_class_count(*dataset, "m.onnx", 2));
  const auto result = check_class_count(*dataset, "m.onnx", 80);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().message, dataset->path +
            " names 2 classes, but the model m.onnx predicts 80");
  EXPECT_EQ(first_name_difference(*dataset, std::vector<std::string>{"cat", "dog"}), std::nullopt);
  EXPECT_EQ(first_name_difference(*dataset, std::vector<std::string>{"cat", "fox"}),
            "class 1 is 'dog' in " + dataset->path + " and 'fox' in the model");
}

LabelRules rules(std::size_t class_count) {
  return {.class_count = class_count, .dataset_path = "data.yaml", .key_points = {}};
}

TEST(LabelFileTest, APolygonBecomesItsBoundingBox) {
  const auto parsed = parse_labels("3 0.1 0.2 0.5 0.2 0.3 0.8", "a.txt", rules(4));
  ASSERT_TRUE(parsed) << parsed.error().message;
  ASSERT_EQ(parsed->labels.size(), 1U);
  const Label& label = parsed->labels[0];
  EXPECT_EQ(label.class_id, 3);
  EXPECT_DOUBLE_EQ(label.x_centre, 0.3);
  EXPECT_DOUBLE_EQ(label.y_centre, 0.5);
  EXPECT_DOUBLE_EQ(label.width, 0.4);
  EXPECT_DOUBLE_EQ(label.height, 0.6);
}

TEST(LabelFileTest, RepeatedLinesCountOnce) {
  const auto parsed =
      parse_labels("0 .5 .5 .1 .1\n1 .5 .5 .1 .1\n0 0.50 0.5 0.1 0.1\n", "a.txt", rules(2));
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(parsed->labels.size(), 2U);
  EXPECT_EQ(parsed->duplicate_count, 1);
}

TEST(LabelFileTest, AByteOrderMarkIsIgnored) {
  EXPECT_TRUE(parse_labels("\xEF\xBB\xBF" "0 .5 .5 .1 .1", "a.txt", rules(2)));
}

TEST(LabelFileTest, LabelsLieWhereImagesWereLast) {
  EXPECT_EQ(label_path("/images/x/images/val/a.b.jpg"), "/images/x/labels/val/a.b.txt");
  EXPECT_EQ(label_path("images/a.jpg"), "labels/a.txt");
  EXPECT_EQ(label_path("pictures/a.jpg"), "pictures/a.txt");
}

TEST(LabelFileTest, PixelsFollowThePictureSize) {
  const auto boxes = to_pixels(
      std::vector<Label>{
          {.class_id = 1, .x_centre = 0.5, .y_centre = 0.5, .width = 0.5, .height = 0.25}},
      {200, 400});
  ASSERT_EQ(boxes.size(), 1U);
  EXPECT_EQ(boxes[0].x, 50);
  EXPECT_EQ(boxes[0].y, 150);
  EXPECT_EQ(boxes[0].width, 100);
  EXPECT_EQ(boxes[0].height, 100);
}

TEST(DatasetZooTest, ReadsCocoAndCircuitBoards) {
  const char* zoo = std::getenv("SHOAL_ZOO");
  const char* source = std::getenv("SHOAL_SOURCE_DIR");
  const fs::path root =
      zoo != nullptr ? fs::path(zoo) : fs::path(source == nullptr ? "." : source) / "../shared/zoo";
  if (!fs::exists(root)) GTEST_SKIP() << "no test data at " << root << "; set SHOAL_ZOO";
  const auto coco = load_dataset((root / "datasets/coco256/data.yaml").string(), "val");
  ASSERT_TRUE(coco) << coco.error().message;
  EXPECT_EQ(coco->items.size(), 128U);
  EXPECT_EQ(coco->instance_count + coco->duplicate_count, 898);
  EXPECT_EQ(coco->class_names.size(), 80U);
  const auto boards = load_dataset((root / "datasets/deeppcb/data.yaml").string(), "val");
  ASSERT_TRUE(boards) << boards.error().message;
  EXPECT_EQ(boards->items.size(), 500U);
  EXPECT_EQ(boards->class_names[5], "pin-hole");
}

}  // namespace
}  // namespace shoal
