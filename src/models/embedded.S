/* The bytes of the built-in models, 64-byte aligned, read-only. */
    .section .rodata
    .global shoal_model_pcb_begin
    .global shoal_model_pcb_end
    .balign 64
shoal_model_pcb_begin:
    .incbin "pcb.onnx"
shoal_model_pcb_end:
    .byte 0
    .section .note.GNU-stack, "", @progbits
