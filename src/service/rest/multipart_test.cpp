// Forms as curl, browsers and Python's requests write them, and what must be refused.
#include "service/rest/multipart.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace shoal {
namespace {

constexpr std::string_view kBoundary = "----x7MA4YWxk";

// "|" stands for CRLF and "@" for the boundary with its dashes.
std::string form(std::string_view text) {
  std::string result;
  for (const char c : text) {
    if (c == '|') {
      result += "\r\n";
    } else if (c == '@') {
      result += "--";
      result += kBoundary;
    } else {
      result.push_back(c);
    }
  }
  return result;
}

std::string error_of(const std::string& body, const FormLimits& limits = {}) {
  const auto parts = parse_form(body, kBoundary, limits);
  EXPECT_FALSE(parts) << body;
  return parts ? "" : parts.error().message;
}

TEST(MultipartTest, ReadsFieldsAndFilesInOrder) {
  const std::string body = form(
      "@|Content-Disposition: form-data; name=\"api_key\"||secret|"
      "@|Content-Disposition: form-data; name=\"image\"; filename=\"a b.jpg\"|"
      "Content-Type: IMAGE/JPEG; x=y||bytes|@--|");
  const auto parts = parse_form(body, kBoundary, {});
  ASSERT_TRUE(parts) << parts.error().message;
  ASSERT_EQ(parts->size(), 2U);
  EXPECT_EQ((*parts)[0].name, "api_key");
  EXPECT_FALSE((*parts)[0].filename);
  EXPECT_EQ((*parts)[0].content_type, "");
  EXPECT_EQ((*parts)[0].body, "secret");
  EXPECT_EQ((*parts)[1].name, "image");
  EXPECT_EQ((*parts)[1].filename, "a b.jpg");
  EXPECT_EQ((*parts)[1].content_type, "image/jpeg");
  EXPECT_EQ((*parts)[1].body, "bytes");
}

TEST(MultipartTest, AFileMayHaveAnExtendedNameAlone) {
  const std::pair<const char*, const char*> names[] = {
      {"filename*=UTF-8''%E8%9E%BA.png", "\u87ba.png"},
      {"FileName*=utf-8'zh-CN'%e8%9e%ba", "\u87ba"},
      {"filename*=\"UTF-8''%E8%9E%BA\"", "\u87ba"},
      {"filename=\"_.png\"; filename*=UTF-8''%C3%A4.png", "\u00e4.png"},
      {"filename*=UTF-8''%C3%A4.png; filename=_.png", "\u00e4.png"},
      {"filename*=iso-8859-1''%E4%20b.png", "\u00e4 b.png"},
      {"filename*=windows-1252''%80.png", "\u20ac.png"},
      {"filename*=US-ASCII''100%25.png", "100%.png"},
      {"filename*=UTF-8''%FF%C3%ED%A0%80.png", "?????.png"},
      {"filename*=Shift_JIS''%82%A0.png", "??.png"},
      {"filename*=plain.png", "plain.png"},
      {"filename*=UTF-8''%4", "%4"},
      {"filename*0=\"a b\"; filename*1=.png", "a b.png"},
      {"filename*0*=UTF-8''%C3; filename*1*=%A4; filename*2=\".png\"", "\u00e4.png"},
      {"filename*=", ""}};
  for (const auto& [parameters, name] : names) {
    const auto parts = parse_form(form("@|Content-Disposition: form-data; name=\"f\"; ") +
                                      parameters + form("||bytes|@--|"),
                                  kBoundary, {});
    ASSERT_TRUE(parts) << parameters << parts.error().message;
    ASSERT_TRUE((*parts)[0].filename) << parameters;
    EXPECT_EQ(*(*parts)[0].filename, name) << parameters;
  }
}

TEST(MultipartTest, PartsAreViewsOfTheBody) {
  const std::string body = form("@|Content-Disposition: form-data; name=a||12345|@--");
  const auto parts = parse_form(body, kBoundary, {});
  ASSERT_TRUE(parts);
  EXPECT_EQ((*parts)[0].body.data(), body.data() + body.find("12345"));
}

TEST(MultipartTest, BytesThatLookLikeFramesAreBytes) {
  static constexpr char kBytes[] = "\r\n--\r\n\r\n------x7MA4YWx\r\n\n------x7MA4YWxk\0--";
  const std::string bytes(kBytes, sizeof kBytes - 1);
  const std::string body =
      form("@|Content-Disposition: form-data; name=a||") + bytes + form("|@--");
  const auto parts = parse_form(body, kBoundary, {});
  ASSERT_TRUE(parts) << parts.error().message;
  ASSERT_EQ(parts->size(), 1U);
  EXPECT_EQ((*parts)[0].body, bytes);
}

TEST(MultipartTest, EmptyPartsPreambleAndEpilogueAreRead) {
  for (const char* text :
       {"@|Content-Disposition: form-data; name=a|||@--",
        "@|Content-Disposition: form-data; name=a||@--",  // the delimiter's CRLF is the header's
        "preamble|@ \t|Content-Disposition: form-data; name=a|||@--|epilogue @"}) {
    const std::string body = form(text);
    const auto parts = parse_form(body, kBoundary, {});
    ASSERT_TRUE(parts) << text << ": " << parts.error().message;
    ASSERT_EQ(parts->size(), 1U) << text;
    EXPECT_EQ((*parts)[0].name, "a");
    EXPECT_EQ((*parts)[0].body, "") << text;
  }
  EXPECT_TRUE(parse_form(form("@--"), kBoundary, {}));
}

TEST(MultipartTest, QuotedNamesKeepTheirCharacters) {
  const std::string body = form(
      "@|content-disposition:form-data;NAME=\"a;\\\"b\\\\\";filename=\"C:\\pics\\x.jpg\"||x|@--");
  const auto parts = parse_form(body, kBoundary, {});
  ASSERT_TRUE(parts) << parts.error().message;
  EXPECT_EQ((*parts)[0].name, "a;\"b\\");
  EXPECT_EQ((*parts)[0].filename, "C:\\pics\\x.jpg");
}

TEST(MultipartTest, RefusesWhatIsNoForm) {
  const std::string part = "@|Content-Disposition: form-data; name=a||x";
  EXPECT_EQ(error_of(""), "multipart: the body does not hold the Content-Type's boundary");
  EXPECT_EQ(error_of(form("|x" + part)).substr(0, 39), "multipart: the body does not hold the C");
  EXPECT_EQ(error_of(form(part)),
            "multipart: part 0 ('a') ends without a boundary: the body was cut");
  EXPECT_EQ(error_of(form(part + "|@")),
            "multipart: a boundary is followed by text before part 1");
  EXPECT_EQ(error_of(form("@|Content-Disposition: form-data; name=a")),
            "multipart: part 0 ends within its header");
  EXPECT_EQ(error_of(form("@||x|@--")),
            "multipart: part 0 has no Content-Disposition with a name");
  EXPECT_EQ(error_of(form("@|Content-Disposition: attachment; name=a||x|@--")),
            "multipart: a part's Content-Disposition is not form-data");
  EXPECT_EQ(error_of(form("@|Content-Disposition: form-data; name=\"a||x|@--")),
            "multipart: a part's Content-Disposition cannot be read");
  EXPECT_EQ(error_of(form("@|no colon||x|@--")),
            "multipart: part 0 has a header line without a name");
  const auto encoded = parse_form(
      form("@|Content-Disposition: form-data; name=a|Content-Transfer-Encoding: base64||x|@--"),
      kBoundary, {});
  ASSERT_FALSE(encoded);
  EXPECT_EQ(encoded.error().code, ErrorCode::kUnsupported);
}

TEST(MultipartTest, LinesThatEndWithLfAloneAreNoFrames) {
  std::string body = form("@|Content-Disposition: form-data; name=a||x|@--");
  body.erase(std::remove(body.begin(), body.end(), '\r'), body.end());
  EXPECT_NE(error_of(body), "");
}

TEST(MultipartTest, HoldsItsLimits) {
  const std::string part = "@|Content-Disposition: form-data; name=a||x|";
  const FormLimits two{.parts_max = 2, .part_header_max = 64};
  EXPECT_TRUE(parse_form(form(part + part + "@--"), kBoundary, two));
  EXPECT_EQ(error_of(form(part + part + part + "@--"), two), "multipart: more than 2 parts");
  const std::string wide =
      form("@|Content-Disposition: form-data; name=" + std::string(64, 'n') + "||x|@--");
  EXPECT_EQ(error_of(wide, two), "multipart: part 0 has more than 64 bytes of header");
}

TEST(MultipartTest, FindsTheBoundaryOfAContentType) {
  const auto boundary = [](std::string_view type) {
    const auto result = multipart_boundary(type);
    return result ? *result : "refused";
  };
  EXPECT_EQ(boundary("multipart/form-data; boundary=abc"), "abc");
  EXPECT_EQ(boundary("multipart/form-data;charset=utf-8; Boundary=\"a b/?\""), "a b/?");
  EXPECT_EQ(boundary("multipart/form-data; boundary=" + std::string(70, 'x')),
            std::string(70, 'x'));
  EXPECT_EQ(boundary("multipart/form-data; boundary=" + std::string(71, 'x')), "refused");
  EXPECT_EQ(boundary("multipart/form-data; boundary="), "refused");
  EXPECT_EQ(boundary("multipart/form-data; boundary=\"a \""), "refused");
  EXPECT_EQ(boundary("multipart/form-data; boundary=a\"b"), "refused");
  EXPECT_EQ(boundary("multipart/form-data; boundary=\"a"), "refused");
  EXPECT_EQ(boundary("multipart/form-data"), "refused");
  EXPECT_EQ(boundary(""), "refused");
}

}  // namespace
}  // namespace shoal
