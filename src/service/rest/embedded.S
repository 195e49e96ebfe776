/* The bytes of the files that this folder embeds, read-only. */
    .macro embed name, file
    .global shoal_\name\()_begin
    .global shoal_\name\()_end
shoal_\name\()_begin:
    .incbin "\file"
shoal_\name\()_end:
    .byte 0
    .endm

    .section .rodata
    embed page, "page.html"
    embed example, "example.jpg"
    embed openapi, "openapi.json"
    .section .note.GNU-stack, "", @progbits
