// Waiting for what must come. A deadline is reached only by a failure, and then says what was awaited.

const DEADLINE_MS = 10_000;
const ASK_AGAIN_MS = 20;

/** What `promise` brings, or an error that says what did not come; `instead()` tells what came in its place. */
export async function within(what, promise, instead = () => 'nothing', deadline = DEADLINE_MS) {
  let timer;
  const late = new Promise((_, reject) => {
    const fail = () => reject(new Error(`waited in vain for ${what}; instead: ${instead()}`));
    timer = setTimeout(fail, deadline);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Asks until `question()` is truthy: for what no event tells. */
export async function until(what, question) {
  let over = false;
  const asking = async () => {
    for (;;) {
      const answer = await question();
      if (answer || over) return answer;
      await new Promise((resolve) => setTimeout(resolve, ASK_AGAIN_MS));
    }
  };
  try {
    return await within(what, asking());
  } finally {
    over = true;
  }
}
