#include "core/private_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace shoal {
namespace {

TEST(PrivateFileTest, WhatEverybodyCanReadIsNoSecret) {
  const std::string path = testing::TempDir() + "/private_file_test.key";
  std::ofstream(path) << "secret\n";
  for (const mode_t mode : {0600, 0400, 0640, 0660}) {
    ASSERT_EQ(chmod(path.c_str(), mode), 0);
    EXPECT_TRUE(check_private_file("secret_file", path)) << std::oct << mode;
  }
  for (const mode_t mode : {0644, 0604, 0666, 0602}) {
    ASSERT_EQ(chmod(path.c_str(), mode), 0);
    const auto checked = check_private_file("secret_file", path);
    ASSERT_FALSE(checked) << std::oct << mode;
    EXPECT_EQ(checked.error().code, ErrorCode::kInvalidArgument);
    EXPECT_NE(checked.error().message.find("chmod 600 '" + path + "'"), std::string::npos);
  }
  std::filesystem::remove(path);
  EXPECT_TRUE(check_private_file("secret_file", path));  // who reads it says that it is gone
}

}  // namespace
}  // namespace shoal
