// Writes the built files as a table in C++ and their bytes as assembly: page_table.cpp, page_bytes.S.
//   node embed.mjs DIST OUT
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { extname, join, relative } from "node:path";
import { gzipSync } from "node:zlib";

const [dist, out] = process.argv.slice(2);
const types = {
  ".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml",
};

function* files(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })
         .sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* files(path);
    else yield path;
  }
}

const symbols = [];
const rows = [];
let assembly = "    .section .rodata\n";
function embed(name, path) {
  symbols.push(`extern const char ${name}_begin;\nextern const char ${name}_end;`);
  assembly += `    .global ${name}_begin\n    .global ${name}_end\n${name}_begin:\n` +
    `    .incbin ${JSON.stringify(path)}\n${name}_end:\n    .byte 0\n`;
  return `{&${name}_begin, &${name}_end}`;
}

[...files(dist)].forEach((path, index) => {
  const type = types[extname(path)];
  if (!type) throw new Error(`${path}: what type is this? embed.mjs does not know it`);
  const bytes = readFileSync(path);
  const packed = gzipSync(bytes, { level: 9 });
  const name = `shoal_page_${index}`;
  let gzip = "{}";
  if (packed.length < 0.9 * bytes.length) {
    const packedPath = join(out, `${name}.gz`);
    writeFileSync(packedPath, packed);
    gzip = embed(`${name}_gzip`, packedPath);
  }
  rows.push(`    {.path = ${JSON.stringify(relative(dist, path).replaceAll("\\", "/"))},\n` +
            `     .content_type = ${JSON.stringify(type)},\n     .bytes = ${embed(name, path)},\n` +
            `     .gzip = ${gzip}},`);
});

writeFileSync(join(out, "page_bytes.S"), assembly + '    .section .note.GNU-stack, "", @progbits\n');
writeFileSync(join(out, "page_table.cpp"), `// Written by dashboard/embed.mjs.
#include "service/page/page_files.h"

extern "C" {
${symbols.join("\n")}
}

namespace shoal {

std::span<const EmbeddedFile> page_files() {
  static const EmbeddedFile files[] = {
${rows.join("\n")}
  };
  return files;
}

}  // namespace shoal
`);
