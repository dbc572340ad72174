// The page's words, in the browser's language.
const TABLE = {
  title: ["Files", "文件"],
  outputs: ["Outputs", "作品"],
  files: ["All files", "全部文件"],
  home: ["Disk", "硬盘"],
  empty_outputs: ["Nothing has been painted yet. What a WebUI saves in Outputs hangs here.", "还没有作品。WebUI 存进 Outputs 的图片会挂在这里。"],
  empty_folder: ["This folder is empty. Drop files here, or use Upload.", "空文件夹。把文件拖进来，或点「上传」。"],
  more: ["Show more", "显示更多"],
  hidden_more: ["{n} more are not shown.", "另有 {n} 个未显示。"],
  free: ["{size} free", "剩余 {size}"],
  upload: ["Upload", "上传"],
  new_folder: ["New folder", "新建文件夹"],
  folder_name: ["Name of the new folder", "新文件夹名称"],
  new_name: ["New name for {name}", "{name} 的新名称"],
  rename: ["Rename", "重命名"],
  download: ["Download", "下载"],
  zip: ["Download as zip", "打包下载"],
  remove: ["Delete", "删除"],
  cancel: ["Cancel", "取消"],
  ok: ["OK", "好"],
  close: ["Close", "关闭"],
  previous: ["Previous", "上一张"],
  next: ["Next", "下一张"],
  select: ["Select {name}", "选中 {name}"],
  selected: ["{n} selected", "已选 {n} 项"],
  sure: ["Delete {what}? There is no way back.", "删除 {what}？删除后无法恢复。"],
  sure_folder: ["Delete the folder {what} with everything in it? Type its name.", "删除文件夹 {what} 及其全部内容？请输入它的名称。"],
  sure_folder_odd: ["Delete the folder {what} with everything in it? There is no way back.", "删除文件夹 {what} 及其全部内容？删除后无法恢复。"],
  things: ["{n} files", "{n} 个文件"],
  made_with: ["How it was made", "生成参数"],
  name: ["Name", "名称"],
  size: ["Size", "大小"],
  changed: ["Changed", "修改时间"],
  models_note: ["Your own models, by kind. Files ending in .safetensors hold numbers alone; .ckpt, .pt, .pth and .bin can run a program when they are opened.", "你自己的模型，按种类分放。.safetensors 只含数据；.ckpt、.pt、.pth、.bin 打开时可能运行程序。"],
  pickle: ["{name} can run a program of whoever made it when a WebUI opens it. Look for the same model as .safetensors. Upload it all the same?", "WebUI 打开 {name} 时可能运行制作者的程序。建议找同一模型的 .safetensors 版本。仍要上传吗？"],
  uploading: ["{name}: {done} of {size}", "{name}：{done} / {size}"],
  uploaded: ["{name} is there.", "{name} 已上传。"],
  upload_failed: ["{name} was not uploaded: {why}", "{name} 未能上传：{why}"],
  checking: ["{name}: comparing with what is there, {percent} %", "{name}：正在与已有的部分比对，{percent}%"],
  other_part: ["A part of another file named {name} was on the disk. {name} is sent from its beginning.", "硬盘上有另一个「{name}」未传完的部分。已从头开始上传「{name}」。"],
  unreadable: ["{name} was not uploaded: this browser cannot read it, or it changed while it was sent. Choose it again. Folders cannot be uploaded.", "{name} 未能上传：浏览器无法读取它，或它在上传时发生了变化。请重新选择。文件夹不能上传。"],
  again: ["Try again", "重试"],
  lost: ["The connection broke. Trying again in {s} s.", "网络断开，{s} 秒后重连。"],
  gone: ["This page may no longer look at the desktop. Open Files again from the portal.", "此页面已失效。请从门户重新打开「文件」。"],
  full: ["The disk is full. Delete files or take a larger disk.", "硬盘已满。请删除文件或换大硬盘。"],
  missing: ["It is not there any more.", "已经不在了。"],
  exists: ["Something of that name is there already.", "已有同名的文件或文件夹。"],
  denied: ["This may not be read or changed.", "不能读取或改动。"],
  other_names: ["not UTF-8", "非 UTF-8"],
  other_names_why: ["The bytes of this name are not UTF-8; it is shown as a Chinese Windows would read it. Rename it to keep it readable everywhere.", "这个名称不是 UTF-8 编码，此处按中文 Windows 的编码显示。重命名后各处都能正常显示。"],
  bad_name: ["This name cannot be used.", "不能用这个名称。"],
  broken: ["That did not work.", "没有成功。"],
};

const chinese = (navigator.language || "en").toLowerCase().startsWith("zh");
export const language = chinese ? "zh-CN" : "en";
document.documentElement.lang = chinese ? "zh-Hans" : "en";

export function word(key, values = {}) {
  const text = (TABLE[key] || TABLE.broken)[chinese ? 1 : 0];
  return text.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
}

export function size(bytes) {
  if (bytes < 1024) return `${bytes} B`;
  const units = ["KB", "MB", "GB", "TB"];
  let value = bytes, unit = -1;
  do { value /= 1024; unit += 1; } while (value >= 1000 && unit < units.length - 1);
  return `${value >= 100 ? value.toFixed(0) : value.toFixed(1)} ${units[unit]}`;
}

export function moment(seconds) {
  return new Date(seconds * 1000).toLocaleString(language, { dateStyle: "medium", timeStyle: "short" });
}

for (const one of document.querySelectorAll("[data-word]")) one.textContent = word(one.dataset.word);
document.title = word("title");
