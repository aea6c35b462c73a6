/* Counts the instructions that qemu-aarch64 executes between two markers: a plugin for QEMU's translator (TCG).
 *
 * Built at set-up with the compiler of this machine against QEMU 7.2, whose plugin interface has version 1. The few
 * declarations that are needed of it stand here, as its manual describes them (docs/devel/tcg-plugins.rst); QEMU itself
 * supplies the functions when it loads the plugin.
 *
 * QEMU translates the guest's code in blocks without branches inside. Each block gets a counter of how often it ran,
 * which translated code raises itself, and its instructions are remembered. What was executed is therefore
 * (times a block ran) x (instructions of the block), and nothing needs to be decoded here.
 *
 * The guest marks start and end by sched_get_priority_max(START) and (END): a call that only looks at its argument and
 * refuses these two. At the end every block that ran is written to the file named by out=FILE, one a line:
 *
 *     TIMES WORD WORD ...        decimal; instruction words as 8 hexadecimal digits
 */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))

typedef uint64_t plugin_id;
struct qemu_info;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
enum qemu_plugin_op { INLINE_ADD_U64 };

typedef void (*translated_callback)(plugin_id id, struct qemu_plugin_tb *block);
typedef void (*syscall_callback)(plugin_id id, unsigned int vcpu, int64_t number, uint64_t a1, uint64_t a2, uint64_t a3,
                                 uint64_t a4, uint64_t a5, uint64_t a6, uint64_t a7, uint64_t a8);

void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id id, translated_callback callback);
void qemu_plugin_register_vcpu_syscall_cb(plugin_id id, syscall_callback callback);
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *block, enum qemu_plugin_op op, void *counter,
                                              uint64_t amount);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *block);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *block, size_t place);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *instruction);

EXPORT int qemu_plugin_version = 1;

enum { SCHED_GET_PRIORITY_MAX = 125, START = 0x5e90001, END = 0x5e90002 };

struct block {
    struct block *next;
    uint64_t times;
    size_t length;
    uint32_t words[];
};

static struct block *blocks;
static const char *out;

static void translated(plugin_id id, struct qemu_plugin_tb *seen)
{
    size_t length = qemu_plugin_tb_n_insns(seen);
    struct block *block = malloc(sizeof *block + length * sizeof block->words[0]);

    (void)id;
    if (!block) {
        abort();
    }
    for (size_t place = 0; place < length; place++) {
        memcpy(&block->words[place], qemu_plugin_insn_data(qemu_plugin_tb_get_insn(seen, place)), sizeof(uint32_t));
    }
    block->times = 0;
    block->length = length;
    block->next = blocks;
    blocks = block;
    qemu_plugin_register_vcpu_tb_exec_inline(seen, INLINE_ADD_U64, &block->times, 1);
}

static void write_down(void)
{
    FILE *file = fopen(out, "w");

    if (!file) {
        perror(out);
        abort();
    }
    for (struct block *block = blocks; block; block = block->next) {
        if (!block->times) {
            continue;
        }
        fprintf(file, "%llu", (unsigned long long)block->times);
        for (size_t place = 0; place < block->length; place++) {
            fprintf(file, " %08x", block->words[place]);
        }
        fputc('\n', file);
    }
    if (fclose(file)) {
        perror(out);
        abort();
    }
}

static void called(plugin_id id, unsigned int vcpu, int64_t number, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4,
                   uint64_t a5, uint64_t a6, uint64_t a7, uint64_t a8)
{
    (void)id, (void)vcpu, (void)a2, (void)a3, (void)a4, (void)a5, (void)a6, (void)a7, (void)a8;
    if (number != SCHED_GET_PRIORITY_MAX) {
        return;
    }
    if (a1 == START) {
        for (struct block *block = blocks; block; block = block->next) {
            block->times = 0;
        }
    } else if (a1 == END) {
        write_down();
    }
}

EXPORT int qemu_plugin_install(plugin_id id, const struct qemu_info *info, int argc, char **argv)
{
    (void)info;
    if (argc != 1 || strncmp(argv[0], "out=", 4)) {
        fprintf(stderr, "count_instructions: give out=FILE and nothing else\n");
        return -1;
    }
    out = strdup(argv[0] + 4);
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    qemu_plugin_register_vcpu_syscall_cb(id, called);
    return 0;
}
