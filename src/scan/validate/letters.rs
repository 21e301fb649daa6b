//! How names in source code are spelled: what one character costs after another, in quarters of a bit (that is, minus
//! four times the binary logarithm of its frequency). Counted over the distinct names in the sources of ripgrep, git
//! and rails.

/// From one class of characters to the next: start, small letter, capital, digit, other. Values of capitals alone
/// count as small letters.
pub(super) const CLASS_COSTS: [[u8; 5]; 5] =
    [[48, 1, 11, 22, 29], [48, 1, 26, 30, 12], [48, 2, 8, 25, 17], [48, 10, 22, 4, 8], [48, 1, 19, 20, 17]];

/// From one letter to the next: a row for each letter before, the last for none. Each character is 48 (`0`) more than
/// the cost.
pub(super) const LETTER_COSTS: [&[u8; 26]; 27] = [
    br"XC=@WLCYA^N>A>`C`>>:FJQPJT",
    br";LII>QU\@AV:FW?RXABO;YY]A]",
    br">QJU?TY<E`?@L[8R`BM:DU[`O`",
    br"<HMC6OP[:Y[ELU@U_HAOANVMK`",
    br"BO??HCJWPYW@D=REL::APHFBJX",
    br">SNN@@RZ6`TARM:X^A@CF`[XI`",
    br"EWNW7UEC9_^FL@EO`=?HCRS_NS",
    br":VUR7V]S=]\MIN;VZCH<B^Y^N_",
    br"EGCBDFB`X`U>D9=GTC@;]D`I`F",
    br"APFM6QRRJJBSRT8JUU<OFXORWW",
    br"GLUJ5HIN<WIDRFEMZP<AEWL]Q]",
    br"=IRB8FTW;`S>UX<I`WBAAPW`E`",
    br"9FVI7WW[=`WD@G==`VGOF^_`I`",
    br"?S@=<C<TCZIKPF?ORL>:HHZ`K`",
    br"GECAQJH[IQHA?8DB`:DB@JFPQY",
    br":XPF;SJHC`O>US=@]<B=C]S`N`",
    br"MPMTQOPWRVT:RPQTFQMR2YOYXW",
    br"<JHC7NE^>`JHEH>P`D@BGLV`D`",
    br"CWCX:RQ@?`KKORBCKP>7ARQ_I`",
    br"?ZFP7QR=:``OJZ?F`>BBG_PQEX",
    br"H>GF>GI^D`U=@<M>`=><R``U`Y",
    br"9[OZ3YR\;[^WUJHS^\ISZYY`Y]",
    br"?VRJ@QY@5]ZMXB=U`?CJV^CU\Q",
    br"AS>G>OVM>[VTCWP:WQO7LVWDFR",
    br"EHKPAPNSEUXB<@?7XL;@UULUJI",
    br"@RUS2RVR@VVJHQ>UVQKVSXSUDE",
    br"?C>ABAFDBLLEBCC@O?>>FHDPTS",
];
