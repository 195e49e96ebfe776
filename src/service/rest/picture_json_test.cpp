// Bodies that are right, and every way to be wrong with the words that say so.
#include "service/rest/picture_json.h"

#include <gtest/gtest.h>

#include <string>

namespace shoal {
namespace {

std::string text_of(const JsonPicture& picture) {
  return picture.error ? "error: " + picture.error->message
                       : std::string(picture.bytes.begin(), picture.bytes.end());
}

// The pictures, each in brackets; "list" before them where they came as a list; or the error.
std::string read(std::string_view body, std::size_t most = 8) {
  const auto result = parse_picture_json(body, most);
  if (!result) return result.error().message;
  std::string text = result->list ? "list" : "";
  for (const JsonPicture& picture : result->pictures) text += "[" + text_of(picture) + "]";
  return text;
}

TEST(PictureJsonTest, ReadsOnePictureAndLists) {
  EXPECT_EQ(read(R"({"image":"Zm9v"})"), "[foo]");
  EXPECT_EQ(read(" \n{ \"image\" : \"Zm9vYg==\" } \n"), "[foob]");
  EXPECT_EQ(read(R"({"images":["Zm9v","YmFy"]})"), "list[foo][bar]");
  EXPECT_EQ(read(R"({"images":["Zm9v"]})"), "list[foo]");
}

TEST(PictureJsonTest, ReadsDataUrls) {
  EXPECT_EQ(read(R"({"image":"data:image/jpeg;base64,Zm9v"})"), "[foo]");
  EXPECT_EQ(read(R"({"image":"data:;base64,Zm9v"})"), "[foo]");
  EXPECT_EQ(read(R"({"image":"data:image/jpeg,Zm9v"})"), "[error: a data: URL that is not base64]");
  EXPECT_EQ(read(R"({"image":"data:image/jpeg;base64"})"),
            "[error: a data: URL without a comma]");
  EXPECT_EQ(read(R"({"image":"data:)" + std::string(5000, 'x') + R"("})"),
            "[error: a data: URL without a comma]");
  EXPECT_EQ(read(R"({"image":"data"})"), "[u\xABZ]") << "four letters of base64";
}

TEST(PictureJsonTest, EscapesDoNotMatter) {
  EXPECT_EQ(read(R"({"image":"\u0064ata:image\/png;base64,Zm\u0039v\/\/\/\/"})"),
            "[foo\xFF\xFF\xFF]");
  EXPECT_EQ(read(R"({"im\u0061ge":"Zm9v"})"), "[foo]");
}

TEST(PictureJsonTest, ABadPictureFailsAlone) {
  EXPECT_EQ(read(R"({"images":["Zm9v","Zm9vZ","","Z m9","YmFy"]})"),
            "list[foo][error: base64: the text ends within a group of four at character 5]"
            "[error: an empty string; expected a picture in base64]"
            "[error: base64: byte 0x20 is not of the alphabet at character 1][bar]");
}

TEST(PictureJsonTest, RefusesWhatIsNotTheObjectItExpects) {
  EXPECT_EQ(read("{}"), "JSON: neither 'image' nor 'images'");
  EXPECT_EQ(read(R"({"images":[]})"), "JSON: 'images' is an empty list");
  EXPECT_EQ(read("[]"), "JSON: found a list where one object was expected");
  EXPECT_EQ(read("3"), "JSON: found a number where one object was expected");
  EXPECT_EQ(read(R"("Zm9v")"), "JSON: found a string where one object was expected");
  EXPECT_EQ(read(R"({"image":null})"), "JSON: found null where a string of base64 was expected");
  EXPECT_EQ(read(R"({"image":["Zm9v"]})"),
            "JSON: found a list where a string of base64 was expected");
  EXPECT_EQ(read(R"({"images":"Zm9v"})"),
            "JSON: found a string where a list of strings of base64 was expected");
  EXPECT_EQ(read(R"({"images":[["Zm9v"]]})"),
            "JSON: found a list where a string of base64 was expected");
  EXPECT_EQ(read(R"({"images":[1.5]})"),
            "JSON: found a number where a string of base64 was expected");
  EXPECT_EQ(read(R"({"image":"Zm9v","images":[]})"),
            "JSON: 'images' beside 'image'; expected one of them, once");
  EXPECT_EQ(read(R"({"image":"Zm9v","image":"Zm9v"})"),
            "JSON: 'image' beside 'image'; expected one of them, once");
  EXPECT_EQ(read(R"({"picture":"Zm9v"})"),
            "JSON: unknown field 'picture'; expected 'image' or 'images' (options stand in the "
            "query)");
}

TEST(PictureJsonTest, RefusesWhatIsNotJson) {
  for (const char* body : {"", "{", R"({"image":"Zm9v")", R"({"image":"Zm9v"}x)", "{'image':1}",
                           "\xFF", R"({"image":"Zm9v",})", R"({"image":"\ud800"})"}) {
    const auto result = parse_picture_json(body, 8);
    ASSERT_FALSE(result) << body;
    EXPECT_EQ(result.error().code, ErrorCode::kInvalidArgument) << body;
    EXPECT_TRUE(result.error().message.starts_with("JSON: ")) << result.error().message;
  }
}

TEST(PictureJsonTest, NestingIsRefusedAtItsSecondBracket) {
  EXPECT_EQ(read(R"({"images":)" + std::string(10'000, '[')),
            "JSON: found a list where a string of base64 was expected");
  EXPECT_EQ(read(std::string(10'000, '[')), "JSON: found a list where one object was expected");
}

TEST(PictureJsonTest, HoldsItsLimit) {
  EXPECT_EQ(read(R"({"images":["AAAA","AAAA"]})", 2), std::string("list[\0\0\0][\0\0\0]", 14));
  const auto more = parse_picture_json(R"({"images":["AAAA","AAAA","AAAA"]})", 2);
  ASSERT_FALSE(more);
  EXPECT_EQ(more.error().code, ErrorCode::kOutOfMemory);
}

}  // namespace
}  // namespace shoal
