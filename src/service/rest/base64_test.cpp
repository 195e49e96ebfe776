// Vectors of RFC 4648 section 10, Python's base64 as the reference for random bytes, and every way
// to be wrong.
#include "service/rest/base64.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

#include "core/fixtures_test.h"

namespace shoal {
namespace {

Result<std::string> decode(std::string_view text, std::size_t piece = 1 << 20) {
  Base64Decoder decoder;
  std::vector<std::uint8_t> bytes;
  for (; !text.empty(); text.remove_prefix(std::min(piece, text.size()))) {
    SHOAL_TRY(decoder.feed(text.substr(0, piece), bytes));
  }
  SHOAL_TRY(decoder.finish(bytes));
  return std::string(bytes.begin(), bytes.end());
}

std::string error_of(std::string_view text) {
  const auto result = decode(text);
  EXPECT_FALSE(result) << text;
  return result ? "" : result.error().message;
}

TEST(Base64Test, DecodesTheVectorsOfTheStandard) {
  const std::pair<const char*, const char*> vectors[] = {
      {"", ""},          {"Zg==", "f"},        {"Zm8=", "fo"},       {"Zm9v", "foo"},
      {"Zm9vYg==", "foob"}, {"Zm9vYmE=", "fooba"}, {"Zm9vYmFy", "foobar"}};
  for (const auto& [text, bytes] : vectors) {
    const auto result = decode(text);
    ASSERT_TRUE(result) << text;
    EXPECT_EQ(*result, bytes);
  }
}

TEST(Base64Test, DecodesWhatPythonEncodesHoweverItIsCut) {
  const ScratchFolder folder;
  std::mt19937 random(7);
  std::string all;
  for (std::size_t length = 0; length < 64; ++length) {
    for (std::size_t i = 0; i < length; ++i) all.push_back(static_cast<char>(random()));
  }
  write_file(folder.file("bytes"), all);
  const std::string script = folder.file("encode.py");
  write_file(script, std::string("import base64, sys\nat = 0\ndata = open(sys.argv[1], 'rb').read()"
                                 "\nout = open(sys.argv[2], 'w')\nfor n in range(64):\n"
                                 "    print(base64.b64encode(data[at:at + n]).decode(), file=out)\n"
                                 "    at += n\n"));
  const std::string command = "'" + environment("PYTHON", "python3") + "' '" + script + "' '" +
                              folder.file("bytes") + "' '" + folder.file("text") + "'";
  ASSERT_EQ(std::system(command.c_str()), 0);
  std::ifstream lines(folder.file("text"));
  std::string line;
  std::size_t at = 0;
  for (std::size_t length = 0; length < 64; ++length) {
    ASSERT_TRUE(std::getline(lines, line));
    for (const std::size_t piece : {1U, 2U, 3U, 4U, 5U, 7U, 1000U}) {
      const auto result = decode(line, piece);
      ASSERT_TRUE(result) << line;
      EXPECT_EQ(*result, all.substr(at, length));
    }
    at += length;
  }
}

TEST(Base64Test, LinesMayBeBrokenAndThePaddingMayBeMissing) {
  std::string bytes;
  for (int i = 0; i < 5000; ++i) bytes.push_back(static_cast<char>(i * 37 % 256));
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (const std::size_t length : {4998U, 4999U, 5000U}) {
    std::string text;
    std::uint32_t bits = 0;
    int held = 0;
    for (const char c : bytes.substr(0, length)) {
      bits = bits << 8 | static_cast<unsigned char>(c);
      for (held += 8; held >= 6; held -= 6) text += kAlphabet[bits >> (held - 6) & 63];
    }
    if (held > 0) text += kAlphabet[bits << (6 - held) & 63];
    for (const std::string_view end : {"\n", "\r\n", "\n\t"}) {
      for (const std::size_t width : {1U, 3U, 64U, 76U}) {
        std::string lines;
        for (std::size_t at = 0; at < text.size(); at += width) {
          lines.append(text.substr(at, width)).append(end);
        }
        for (const std::size_t piece : {5U, 100'000U}) {
          const auto result = decode(lines, piece);
          ASSERT_TRUE(result) << result.error().message;
          EXPECT_EQ(*result, bytes.substr(0, length));
        }
      }
    }
    const auto result = decode(text);
    ASSERT_TRUE(result) << result.error().message;
    EXPECT_EQ(*result, bytes.substr(0, length));
  }
}

TEST(Base64Test, ReadsTheAlphabetForUrls) {
  EXPECT_EQ(*decode("-_-_"), *decode("+/+/"));
}

TEST(Base64Test, RefusesWhatIsNotOfTheAlphabetAndSaysWhere) {
  EXPECT_EQ(error_of("Zm9v Ym"), "base64: byte 0x20 is not of the alphabet at character 4");
  EXPECT_EQ(error_of("Zm9v\nZm9\n."), "base64: '.' is not of the alphabet at character 9");
  EXPECT_EQ(error_of("\xC3\xA4=="), "base64: byte 0xc3 is not of the alphabet at character 0");
}

TEST(Base64Test, RefusesPaddingThatIsNotItsOwn) {
  EXPECT_EQ(error_of("Zm9vY"), "base64: the text ends within a group of four at character 5");
  EXPECT_EQ(error_of("Zg="), "base64: the text ends within a group of four at character 3");
  EXPECT_EQ(error_of("="), "base64: padding where no group can end at character 0");
  EXPECT_EQ(error_of("Z==="), "base64: padding where no group can end at character 1");
  EXPECT_EQ(error_of("Zg==Zg=="), "base64: text behind the padding at character 4");
  EXPECT_EQ(error_of("Zg==="), "base64: padding where no group can end at character 4");
  EXPECT_EQ(error_of("Zg=a"), "base64: text behind the padding at character 3");
}

TEST(Base64Test, RefusesBitsBehindTheLastByte) {
  EXPECT_EQ(error_of("Zh=="), "base64: bits behind the last byte at character 3");
  EXPECT_EQ(error_of("Zm9="), "base64: bits behind the last byte at character 3");
  EXPECT_EQ(error_of("Zm9"), "base64: bits behind the last byte at character 2");
}

}  // namespace
}  // namespace shoal
