/** A build that keeps its builder busy while an ordinary build is measured on another builder of the same machine. */
export interface Hog {
  /** Completes the phrase "next to a build that …". */
  does: string
  requires?: string[]
  /** The shell lines of the spec's %build section. They run until the build is canceled, unless `ends` is set. */
  script: string
  /** Matches the failure reason of a build that has reached a limit; such a build is submitted again. */
  ends?: RegExp
}

/** The line that is written to the log before the script begins. */
export const BUSY = 'busy'

const eachCore = (loop: string): string => `for job in $(seq $(nproc)); do (${loop}) & done; wait`

/** The ordinary neighbor, which is the baseline: it takes its share of the machine, as any build may. */
export const ORDINARY: Hog = {
  does: 'compiles C, a job for each core',
  requires: ['gcc'],
  script: `seq -f 'int f%g(int a) { int s = 0; while (a > 0) s += a-- * a; return s; }' 2000 >work.c
${eachCore('while :; do gcc -O2 -c -o $job.o work.c; done')}`,
}

/** The build that is measured: it runs many short programs, as a configure script does, compiles C with a job for each core, and writes files. */
export const MEASURED: Pick<Hog, 'requires' | 'script'> = {
  requires: ['gcc'],
  script: `for file in $(seq 24); do
  seq -f 'int f%g(int a) { int s = 0; while (a > 0) s += a-- * a; return s; }' 60 >$file.c
done
for try in $(seq 300); do /bin/true; done
seq 24 | xargs -P $(nproc) -I '{}' gcc -O2 -c '{}.c'
for copy in $(seq 8); do cat *.o /usr/bin/gcc >$copy.bin; done`,
}

/**
 * The builds that use as much of the machine as they can. None takes all memory or all disk space, because other programs on the machine
 * must go on.
 */
export const HOGS = {
  cpu: {
    does: 'spins in 16 processes for each core, each in a session of its own',
    script: `for job in $(seq $((16 * $(nproc)))); do setsid sh -c 'while :; do :; done' & done; wait`,
  },
  processes: {
    does: 'is a fork bomb at its limit of processes',
    requires: ['gcc'],
    script: `echo '#include <unistd.h>
int main(void) { for (;;) fork(); }' >bomb.c
gcc -o bomb bomb.c
./bomb`,
  },
  memory: {
    does: 'fills half of the available memory, frees it, and begins again',
    // `tail` keeps everything in memory that it may have to print.
    script: eachCore(`while :; do
  kib=$(sed -n 's/^MemAvailable: *\\([0-9]*\\) kB$/\\1/p' /proc/meminfo)
  head -c $((kib / 2 / $(nproc)))K /dev/zero | tail -c $((kib / 2 / $(nproc)))K >/dev/null
done`),
  },
  files: {
    does: 'creates 100,000 files a job and removes them, a job for each core',
    script: eachCore(
      `while :; do mkdir $job; (cd $job; seq 100000 | xargs touch); rm -rf $job; done`,
    ),
  },
  disk: {
    does: 'writes to its disk, in large blocks and in small synchronous ones',
    script: `(while :; do dd if=/dev/zero of=large bs=1M count=4096 conv=notrunc; done) &
(while :; do dd if=/dev/zero of=small bs=4k count=10000 oflag=dsync; done) &
wait`,
  },
  log: {
    does: 'logs as much as it can, again and again up to the limit',
    script: 'sleep 1; yes',
    ends: /^the build log exceeds the limit of \d+ bytes$/,
  },
} satisfies Record<string, Hog>

export type HogName = keyof typeof HOGS
