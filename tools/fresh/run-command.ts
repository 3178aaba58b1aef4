import { CLONE, type Trial } from './trial.ts'

/** Runs a shell command in the clone and prints its output as it arrives. The command must succeed. */
export async function runCommand(
  { entered, signal, step, log }: Trial,
  command: string,
): Promise<void> {
  const append = log(`${command.replaceAll(/[^a-z0-9]+/gi, '-').slice(0, 60)}.log`)
  await step(command, async () => {
    const outcome = await entered.run(['sh', '-c', command], {
      cwd: CLONE,
      signal,
      onOutput: (chunk) => {
        append(chunk)
        process.stdout.write(chunk)
      },
    })
    if (!outcome.ok) throw new Error(`${command} failed, exit code ${outcome.exit_code}`)
  })
}
