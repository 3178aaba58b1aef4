.globl assembled
.type assembled, @function
assembled:
    movl $42, %eax
    ret
.size assembled, .-assembled
.section .note.GNU-stack,"",@progbits
