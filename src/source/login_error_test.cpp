// Goal: a refusal is told from a question, and a method that FFmpeg does not know is named.
#include "source/login_error.h"

#include <gtest/gtest.h>

namespace shoal {
namespace {

TEST(LoginErrorTest, OnlyALoginThatWasSentIsWrong) {
  EXPECT_EQ(login_error("rtsp://h/1", true, 401).code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(login_error("rtsp://h/1", true, 401).message,
            "rtsp://h/1: the camera refuses this user or password (401)");
  EXPECT_EQ(login_error("rtsp://h/1", true, 403).code, ErrorCode::kInvalidArgument);
  const Error asked = login_error("rtsp://h/1", false, 401);
  EXPECT_EQ(asked.code, ErrorCode::kUnavailable);
  EXPECT_NE(asked.message.find("asks for a user and a password (401)"), std::string::npos);
}

TEST(LoginErrorTest, AMethodThatFfmpegDoesNotKnowIsNamed) {
  const struct {
    const char* challenges;
    const char* unknown;
  } table[] = {
      {"", ""},
      {"WWW-Authenticate: Basic realm=\"cam\"\n", ""},
      {"WWW-Authenticate: Digest realm=\"cam\", nonce=\"1\"\n", ""},
      {"WWW-Authenticate: Digest realm=\"cam\", algorithm=MD5, nonce=\"1\"\n", ""},
      {"www-authenticate: digest realm=\"cam\", algorithm=\"md5-sess\"\n", ""},
      {"WWW-Authenticate: Digest realm=\"c\", algorithm=SHA-256, nonce=\"1\"\n",
       "Digest with SHA-256"},
      {"WWW-Authenticate: Digest Algorithm=\"SHA-512-256\", realm=\"c\"\n",
       "Digest with SHA-512-256"},
      {"WWW-Authenticate: Digest algorithm=SHA-256\nWWW-Authenticate: Digest algorithm=MD5\n", ""},
      {"WWW-Authenticate: Basic realm=\"c\"\nWWW-Authenticate: Digest algorithm=SHA-256\n",
       "Digest with SHA-256"},
      {"WWW-Authenticate: Bearer realm=\"c\"\n", "Bearer"},
      {"WWW-Authenticate: NTLM\nWWW-Authenticate: Basic realm=\"c\"\n", ""},
  };
  for (const auto& row : table) {
    EXPECT_EQ(unknown_to_ffmpeg(row.challenges).value_or(""), row.unknown) << row.challenges;
  }
}

}  // namespace
}  // namespace shoal
