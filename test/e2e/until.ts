/** Asks every 10 ms until the answer is true; an Error after `timeout` milliseconds, 5,000 unless told. */
export async function until(ready: () => boolean | Promise<boolean>, timeout = 5_000): Promise<void> {
  const end = performance.now() + timeout;
  while (!(await ready())) {
    if (performance.now() > end) throw new Error(`waited ${timeout} ms in vain for ${ready}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
