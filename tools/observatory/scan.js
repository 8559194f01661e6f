// Scan one host; print what each test found, and fail where one failed or the score is too low.
import { scan } from "@mdn/mdn-http-observatory";

const [host, least] = process.argv.slice(2);
const { scan: summary, tests } = await scan(host);
for (const [name, { pass, result, scoreModifier }] of Object.entries(tests)) {
  console.log(`${pass ? "passed" : "FAILED"}  ${String(scoreModifier).padStart(3)}  ${name}: ${result}`);
}
const { testsFailed, testsQuantity, score, grade } = summary;
console.log(`${testsFailed} of ${testsQuantity} tests failed. Score ${score}, grade ${grade}.`);
process.exit(testsFailed === 0 && score >= Number(least) ? 0 : 1);
