// A person at the sign-in page of provider.mjs.

import { until } from '../../browser/browser.mjs';

/**
 * What alice does at the provider's page: presses one of its buttons, if the page comes at all.
 * Resolves to whether it came.
 */
export const presses =
  (button) =>
  async ({ page }, arrived) => {
    let asked = false;
    await until(`the end of the sign-in by ${button}`, async () => {
      if (arrived(page.url())) return true;
      const pressed = await page.evaluate((button) => {
        if (document.body?.dataset.ready !== 'yes' || window.pressed) return false;
        window.pressed = true;
        document.getElementById(button)?.click();
        return true;
      }, button);
      asked ||= pressed;
      return false;
    }).catch(async (late) => {
      const seen = await page.innerText('body').catch(() => '');
      throw new Error(`${late.message}\n${page.url()}\n${seen}`);
    });
    return asked;
  };
