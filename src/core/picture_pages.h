// How many pictures a picture file holds. Bounded parsers over untrusted bytes that decode nothing.
#pragma once

#include <cstdint>
#include <span>

namespace shoal {

// Frames of a GIF, APNG or animated WebP, pages of a TIFF; 1 for all else, and where the bytes end
// before a second one is seen. Counts to 10,000.
[[nodiscard]] int picture_pages(std::span<const std::uint8_t> bytes);

// A GIF or APNG with several frames: what is played, and not turned over.
[[nodiscard]] bool is_animation(std::span<const std::uint8_t> bytes);

// By its first bytes (512 are enough) a film or an elementary stream, whatever its name says.
[[nodiscard]] bool begins_as_film(std::span<const std::uint8_t> head);

// By its first bytes a picture, read or only named by Shoal.
[[nodiscard]] bool begins_as_picture(std::span<const std::uint8_t> head);

}  // namespace shoal
