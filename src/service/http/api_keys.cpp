#include "service/http/api_keys.h"

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <sstream>

#include "core/letters.h"
#include "core/private_file.h"
#include "core/read_file.h"
#include "service/http/request_head.h"

namespace shoal {
namespace {

constexpr std::size_t kFileBytesMax = std::size_t{16} << 20;

}  // namespace

Result<std::vector<ApiKeys::Hash>> ApiKeys::read(const std::string& file) {
  SHOAL_TRY(check_private_file("API keys", file));
  const auto read = file_text(file, {.bytes_max = kFileBytesMax, .expected = "a file of keys"});
  if (!read) return Error{read.error().code, "API keys: cannot read " + read.error().message};
  std::istringstream in(*read);
  std::vector<Hash> hashes;
  std::string text;
  for (int number = 1; std::getline(in, text); ++number) {
    std::string_view line = without_blanks(text);
    if (line.ends_with('\r')) line = without_blanks(line.substr(0, line.size() - 1));
    if (line.empty() || line.front() == '#') continue;
    const std::string_view hex = line.substr(0, line.find_first_of(" \t"));
    Hash hash{};
    bool sound = hex.size() == 2 * hash.size();
    for (std::size_t i = 0; sound && i < hash.size(); ++i) {
      const int high = hex_digit(hex[2 * i]);
      const int low = hex_digit(hex[2 * i + 1]);
      sound = high >= 0 && low >= 0;
      if (sound) hash[i] = static_cast<std::uint8_t>(high * 16 + low);
    }
    if (!sound) {
      // Not the line itself: it may be a key that somebody forgot to hash.
      return Error{ErrorCode::kInvalidArgument,
                   fmt::format("API keys: {}:{}: expected 64 hex digits, the SHA-256 of a key as"
                               " `printf %s KEY | sha256sum` prints it, got {} characters",
                               file, number, hex.size())};
    }
    hashes.push_back(hash);
  }
  if (hashes.empty()) {
    return Error{ErrorCode::kInvalidArgument, fmt::format("API keys: '{}' has no key", file)};
  }
  return hashes;
}

Result<std::unique_ptr<ApiKeys>> ApiKeys::load(const std::string& file) {
  std::unique_ptr<ApiKeys> keys(new ApiKeys(file));
  SHOAL_TRY(keys->reload());
  return keys;
}

Result<void> ApiKeys::reload() {
  std::vector<Hash> hashes = SHOAL_TRY(read(file_));
  const std::lock_guard lock(mutex_);
  hashes_ = std::move(hashes);
  return {};
}

bool ApiKeys::allows(std::string_view key) const {
  Hash hash{};
  SHA256(reinterpret_cast<const unsigned char*>(key.data()), key.size(), hash.data());
  bool found = false;
  const std::lock_guard lock(mutex_);
  for (const Hash& known : hashes_) {
    const bool same = CRYPTO_memcmp(known.data(), hash.data(), hash.size()) == 0;
    found = found | same;
  }
  return found && !key.empty();
}

std::size_t ApiKeys::count() const {
  const std::lock_guard lock(mutex_);
  return hashes_.size();
}

std::string_view presented_key(std::string_view authorization, std::string_view x_api_key) {
  constexpr std::size_t kScheme = 7;
  if (lower_case(authorization.substr(0, kScheme)) == "bearer ") {
    return without_blanks(authorization.substr(kScheme));
  }
  return without_blanks(x_api_key);
}

}  // namespace shoal
