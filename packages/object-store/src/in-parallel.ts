/** Does something to each, so many at a time; the first failure ends it. Answers are in the order of the items. */
export async function inParallel<Item, Answer>(
  items: readonly Item[],
  at_a_time: number,
  work: (item: Item, index: number) => Promise<Answer>,
): Promise<Answer[]> {
  const answers: Answer[] = []
  let next = 0
  let failed = false
  const worker = async (): Promise<void> => {
    while (next < items.length && !failed) {
      const index = next++
      try {
        answers[index] = await work(items[index] as Item, index)
      } catch (error) {
        failed = true
        throw error
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(at_a_time, items.length) }, worker))
  return answers
}
