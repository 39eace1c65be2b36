// npm's TUF client, asked by lines of JSON on stdin:
//   {"metadata": folder, "metadataUrl", "targets": folder, "targetsUrl", "path"?: a target}
// answered by a line each: {"found": file or null} or {"refused": the error's name, "message"}.
import { createInterface } from 'node:readline';
import { Updater } from 'tuf-js';

const config = { fetchRetry: 0, fetchRetries: 0, fetchTimeout: 5000 };

async function follow(asked) {
  const updater = new Updater({
    metadataDir: asked.metadata,
    metadataBaseUrl: asked.metadataUrl,
    targetDir: asked.targets,
    targetBaseUrl: asked.targetsUrl,
    config,
  });
  await updater.refresh();
  if (!asked.path) return { found: null };
  const info = await updater.getTargetInfo(asked.path);
  return { found: info ? await updater.downloadTarget(info) : null };
}

for await (const line of createInterface({ input: process.stdin })) {
  let answer;
  try {
    answer = await follow(JSON.parse(line));
  } catch (error) {
    answer = { refused: error.constructor.name, message: String(error.message) };
  }
  process.stdout.write(JSON.stringify(answer) + '\n');
}
